/// A mixture of experts: each token goes through a few of many feed-forward parts.
package struct Experts: Sendable, Hashable {
    package var count: Int
    /// How many a token goes through.
    package var usedCount: Int
    /// The inner width of one expert.
    package var feedForwardSize: Int
    /// Whether the shares of those a token goes through are made to sum to 1.
    package var normalizesShares: Bool

    package init(count: Int, usedCount: Int, feedForwardSize: Int, normalizesShares: Bool) {
        self.count = count
        self.usedCount = usedCount
        self.feedForwardSize = feedForwardSize
        self.normalizesShares = normalizesShares
    }
}
