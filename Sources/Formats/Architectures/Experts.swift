/// A mixture of experts: each token goes through a few of many feed-forward parts.
public struct Experts: Sendable, Hashable {
    public var count: Int
    /// How many a token goes through.
    public var usedCount: Int
    /// The inner width of one expert.
    public var feedForwardSize: Int
    /// Whether the shares of those a token goes through are made to sum to 1.
    public var normalizesShares: Bool

    public init(count: Int, usedCount: Int, feedForwardSize: Int, normalizesShares: Bool) {
        self.count = count
        self.usedCount = usedCount
        self.feedForwardSize = feedForwardSize
        self.normalizesShares = normalizesShares
    }
}
