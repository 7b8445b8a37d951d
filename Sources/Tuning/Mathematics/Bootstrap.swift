import Transformer

/// Confidence intervals by resampling: the percentile bootstrap (Efron 1979), seeded, so that the same data give the
/// same interval.
package struct Bootstrap: Sendable, Hashable {
    package var resamples: Int
    package var seed: UInt64

    package static let standardResamples = 10_000
    /// The share of resamples that an interval covers.
    package static let coverage = 0.95

    package init(resamples: Int = standardResamples, seed: UInt64 = 0) {
        self.resamples = resamples
        self.seed = seed
    }

    /// Where a figure would lie for other data of the same kind.
    package struct Interval: Sendable, Hashable {
        /// The 2.5th percentile of the resampled figures.
        package let lower: Double
        /// The 97.5th percentile.
        package let upper: Double
        /// Their standard deviation.
        package let standardError: Double
    }

    /// The interval of a figure that is computed from some of `units` independent pieces of data.
    ///
    /// - Parameter statistic: the figure for chosen pieces, given by their indices, `units` of them, with repetitions.
    /// - Returns: nil for fewer than two pieces, no resamples, or a figure that is not finite.
    package func interval(units: Int, of statistic: (_ chosen: [Int]) -> Double) -> Interval? {
        guard units >= 2, resamples >= 1 else { return nil }
        var numbers = Xoshiro256(seed: seed)
        var chosen = [Int](repeating: 0, count: units)
        var figures: [Double] = []
        for _ in 0..<resamples {
            for index in chosen.indices {
                // The upper half of the product: a number below `units`, even to within 2⁻⁶⁴ · units.
                chosen[index] = Int(numbers.next().multipliedFullWidth(by: UInt64(units)).high)
            }
            figures.append(statistic(chosen))
        }
        guard figures.allSatisfy(\.isFinite) else { return nil }
        figures.sort()
        let tail = (1 - Self.coverage) / 2
        return Interval(
            lower: Quantile.of(sorted: figures, tail),
            upper: Quantile.of(sorted: figures, 1 - tail),
            standardError: Statistics.variance(figures).squareRoot())
    }

    /// The interval of a mean.
    package func interval(ofMean values: [Double]) -> Interval? {
        interval(units: values.count) { chosen in
            chosen.reduce(0) { $0 + values[$1] } / Double(chosen.count)
        }
    }
}
