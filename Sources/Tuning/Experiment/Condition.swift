/// One way to give a model a trait, or to take it away.
package struct Condition: Sendable, Hashable {
    /// How the model is changed.
    package enum Method: String, Sendable, CaseIterable {
        /// The model as it is.
        case untuned
        /// The vector added while the model runs.
        case online
        /// Tuned by cross-entropy on completions alone.
        case token
        /// Tuned by the cosine with the vector alone.
        case representation
        /// Tuned by both, the token loss divided by 100 as in arXiv 2409.06927.
        case both
        /// Tuned so that the stream has no part along the vector; token loss as in `both`.
        case away

        /// Whether a claim compares its tuned models.
        var decides: Bool { self == .both || self == .token }

        /// Whether its strength is matched to a cost: the others have none.
        package var isMatched: Bool { self != .untuned && self != .away }
    }

    package let method: Method
    /// Whether it goes toward the trait's positive side.
    package let isPositive: Bool

    package init(_ method: Method, isPositive: Bool = true) {
        self.method = method
        self.isPositive = isPositive
    }

    /// All, in the order of the report.
    package static let all: [Condition] = [
        Condition(.untuned), Condition(.online), Condition(.online, isPositive: false),
        Condition(.token), Condition(.token, isPositive: false), Condition(.representation),
        Condition(.representation, isPositive: false), Condition(.both),
        Condition(.both, isPositive: false), Condition(.away),
    ]

    /// Whether the condition changes weights, so that seeds make a difference.
    package var isTuned: Bool { method != .untuned && method != .online }

    /// The name in reports and records.
    package var name: String {
        switch method {
        case .untuned: "untuned"
        case .away: "tuned away"
        case .both: "representation + token \(sign)"
        default: "\(method.rawValue) \(sign)"
        }
    }

    /// + or −.
    package var sign: String { isPositive ? "+" : "−" }
}

/// What is chosen on validation.
package struct Choices: Sendable, Hashable {
    /// The blocks of vector and tuning.
    package var blocks: ClosedRange<Int>
    /// The online strength for each sign, at the wanted perplexity.
    package var strengths: [Bool: Double]
    /// The learning rate for each method that tunes.
    package var learningRates: [Condition.Method: Double]
    /// The strength at which a method's run of the choice was matched, where others begin to look.
    package var guesses: [Condition.Method: Double]
}
