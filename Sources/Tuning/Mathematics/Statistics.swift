import Transformer

/// Figures of lists of numbers.
enum Statistics {
    static func mean(_ values: [Double]) -> Double {
        values.reduce(0, +) / Double(max(values.count, 1))
    }

    /// The sum of the squared distances from the mean over one less than their number.
    static func variance(_ values: [Double]) -> Double {
        let mean = mean(values)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return squares / Double(max(values.count - 1, 1))
    }

    static func share(of values: [Double], where isCounted: (Double) -> Bool) -> Double {
        Double(values.count(where: isCounted)) / Double(max(values.count, 1))
    }

    /// The interval of a mean over seeds and items: both are drawn anew, seeds as whole rows (a two-way bootstrap).
    ///
    /// - Parameter rows: one for each seed, all of one length.
    static func interval(_ rows: [[Double]], resamples: Int = 2000) -> Bootstrap.Interval? {
        guard let count = rows.first?.count, rows.allSatisfy({ $0.count == count }) else {
            return nil
        }
        var random = Xoshiro256(seed: 7)
        return Bootstrap(resamples: resamples).interval(units: count) { chosen in
            var sum = 0.0
            for _ in rows.indices {
                let row = rows[Int.random(in: 0..<rows.count, using: &random)]
                for index in chosen { sum += row[index] }
            }
            return sum / Double(rows.count * count)
        }
    }
}
