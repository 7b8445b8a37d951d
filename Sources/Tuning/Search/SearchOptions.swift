/// What a trial may cost.
package struct SearchLimits: Sendable, Hashable {
    /// KL(plain ‖ steered), the mean, in nats.
    package var divergence: Double
    /// The perplexity of the steered model over that of the plain one; nil where no text is read.
    package var perplexity: Double?

    package static let standardDivergence = 0.1

    package init(divergence: Double = standardDivergence, perplexity: Double? = nil) {
        self.divergence = divergence
        self.perplexity = perplexity
    }

    /// The largest share of a limit that is used up: 1 is at a limit, infinity where a limit of nothing is broken.
    func used(divergence: Double, perplexityRatio: Double?) -> Double {
        func share(_ value: Double, _ limit: Double) -> Double {
            limit > 0 ? value / limit : (value > 0 ? .infinity : 0)
        }
        let own = share(divergence, self.divergence)
        guard let ratio = perplexityRatio, let perplexity else { return own }
        return max(own, share(ratio - 1, perplexity - 1))
    }
}

/// What is looked for, and with what effort.
package struct SearchOptions: Sendable, Hashable {
    /// The figure of a probe that is to be moved.
    package enum Objective: String, Sendable, CaseIterable {
        /// The mean log-odds margin of the correct choice.
        case margin
        /// The share of probes whose correct choice is the likeliest.
        case accuracy
    }

    /// Which multiples of the vectors are tried.
    package enum Signs: String, Sendable, CaseIterable {
        case positive
        case negative
        case both

        var areNegative: [Bool] {
            switch self {
            case .positive: [false]
            case .negative: [true]
            case .both: [false, true]
            }
        }
    }

    package var objective = Objective.margin
    /// Whether the probe is to be moved away from its correct choices.
    package var isOpposite = false
    package var signs = Signs.positive
    package var limits = SearchLimits()
    /// The most trials that are made before the front is measured on the other probes.
    package var trials = standardTrials
    /// Decides which probes choose and which report.
    package var seed: UInt64 = 0
    /// What streams and logits of the plain model may take, in bytes.
    package var memory = standardMemory
    /// Whether a probe's plain string is a user's turn.
    package var asChat = false

    package static let standardTrials = 160
    package static let standardMemory = 2 << 30
    package static let standardTextTokens = 1024

    package init() {}
}
