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
}
