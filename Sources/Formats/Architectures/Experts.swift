/// A mixture of experts: each token goes through a few of many feed-forward parts.
package struct Experts: Sendable, Hashable {
    package var count: Int
    /// How many a token goes through.
    package var usedCount: Int
    /// The inner width of one expert.
    package var feedForwardSize: Int
    /// Whether the shares of those a token goes through are made to sum to 1.
    package var normalizesShares: Bool
    package var scoring = Scoring.softmax
    /// What shares are multiplied by in the end.
    package var shareScale = 1.0
    /// The inner width of a feed-forward part that every token goes through beside its experts; nil where there is none.
    package var sharedFeedForwardSize: Int?
    /// Whether the block's dense part stands beside them, each with norms of its own, and the router with one too (Gemma 4).
    package var isBesideDense = false

    /// How an expert's score comes from the router's outputs.
    package enum Scoring: Sendable, Hashable {
        /// The softmax over all experts.
        case softmax
        /// The sigmoid of the expert's own (arXiv 2412.19437); a sum that shares are divided by has `epsilon` added.
        case sigmoid(epsilon: Float)
    }

    package init(count: Int, usedCount: Int, feedForwardSize: Int, normalizesShares: Bool) {
        self.count = count
        self.usedCount = usedCount
        self.feedForwardSize = feedForwardSize
        self.normalizesShares = normalizesShares
    }

    /// How shares come from scores, as far as it is not by a softmax and a scale of 1, and what stands beside the experts.
    var kindOfShares: String {
        let kind = if case .sigmoid = scoring { ", by sigmoid" } else { "" }
        return kind + (shareScale == 1 ? "" : ", times \(Float(shareScale))")
            + (isBesideDense ? ", beside a dense part" : "")
    }
}

extension Hyperparameters {
    /// The mixture in place of the feed-forward part of the block with this 0-based index; nil where that is dense.
    package func experts(ofBlock index: Int) -> Experts? {
        kind(ofBlock: index).isDense ? nil : experts
    }

    /// The blocks whose feed-forward part is none of experts in a model that has some.
    var denseBlocks: [Int] {
        experts == nil ? [] : (0..<blockCount).filter { kind(ofBlock: $0).isDense }
    }

    /// What a block has of experts where not all blocks have the same, in words.
    func expertsText(ofBlock index: Int) -> String {
        denseBlocks.isEmpty
            ? "" : experts(ofBlock: index) == nil ? " without experts" : " with experts"
    }

    /// Whether any block's feed-forward part is dense.
    package var hasDenseBlocks: Bool {
        experts?.isBesideDense != false || blockKinds.contains(where: \.isDense)
    }
}
