/// The correction of several tests of one family by Holm's step-down (1979): the chance that any true hypothesis is rejected
/// stays below α, however the tests depend on one another.
struct Holm {
    /// What it makes of one test.
    struct Result: Sendable, Hashable {
        /// The smallest α for which the hypothesis is rejected, at most 1.
        let adjusted: Double
        /// The level that was left for this test: α over the number of hypotheses that stood when it came.
        let level: Double
        let isRejected: Bool
    }

    /// In the order of the tests.
    let results: [Result]

    /// - Parameters:
    ///   - levels: the p value of each test.
    ///   - alpha: the chance of an error in the family.
    init(_ levels: [Double], alpha: Double) {
        let order = levels.indices.sorted { (levels[$0], $0) < (levels[$1], $1) }
        var adjusted = levels
        var largest = 0.0
        for (rank, index) in order.enumerated() {
            largest = max(largest, min(1, Double(levels.count - rank) * levels[index]))
            adjusted[index] = largest
        }
        let rejected = adjusted.count { $0 <= alpha }
        var left = levels
        for (rank, index) in order.enumerated() {
            // Those that stay share the level at which the steps ended.
            left[index] = alpha / Double(levels.count - min(rank, rejected))
        }
        results = levels.indices.map {
            Result(adjusted: adjusted[$0], level: left[$0], isRejected: adjusted[$0] <= alpha)
        }
    }
}
