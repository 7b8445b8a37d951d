package import Transformer

/// How strongly a model prefers the correct choices of probes.
package struct ProbeResult: Sendable {
    /// What a model made of one probe.
    package struct Item: Sendable, Hashable {
        package let category: String?
        /// log p of each choice, over all its tokens, in nats.
        package let logProbabilities: [Double]
        /// The index of the correct choice.
        package let correct: Int
        /// log p(correct) − the largest log p of another choice.
        package let margin: Double

        package init(category: String?, logProbabilities: [Double], correct: Int) {
            self.category = category
            self.logProbabilities = logProbabilities
            self.correct = correct
            var others = logProbabilities
            let right = others.remove(at: correct)
            margin = right - (others.max() ?? -.infinity)
        }

        /// Whether the correct choice is the likeliest.
        package var isRight: Bool { margin > 0 }
    }

    /// In the order of the probes.
    package let items: [Item]

    /// The results of some probes.
    package init(items: [Item]) {
        self.items = items
    }

    /// Mean log-odds margin.
    package var meanMargin: Double {
        items.reduce(0) { $0 + $1.margin } / Double(max(items.count, 1))
    }

    /// Share of probes whose correct choice is the likeliest.
    package var accuracy: Double {
        Double(items.count(where: \.isRight)) / Double(max(items.count, 1))
    }

    /// Where the mean margin would lie for other probes of the kind; nil for a single one.
    package func marginInterval(_ bootstrap: Bootstrap = Bootstrap()) -> Bootstrap.Interval? {
        bootstrap.interval(ofMean: items.map(\.margin))
    }

    /// Where the accuracy would lie for other probes of the kind; nil for a single one.
    package func accuracyInterval(_ bootstrap: Bootstrap = Bootstrap()) -> Bootstrap.Interval? {
        bootstrap.interval(ofMean: items.map { $0.isRight ? 1 : 0 })
    }

    /// The results by category, in the order of the categories' names; probes without one come first.
    package var categories: [(name: String?, result: ProbeResult)] {
        Dictionary(grouping: items, by: \.category)
            .sorted { ($0.key ?? "") < ($1.key ?? "") }
            .map { ($0.key, ProbeResult(items: $0.value)) }
    }

    /// Runs the probes, packed together.
    ///
    /// - Parameters:
    ///   - asChat: whether a plain string is a user's turn rather than raw text.
    ///   - progress: called with the choices done and in all.
    /// - Throws: `PromptError.noTokens` for a choice that gives no tokens; what rendering and the decoder throw.
    package init(
        _ probes: [Probe], decoder: Decoder, renderer: PromptRenderer, asChat: Bool = false,
        interventions: [Intervention], progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        let sequences = try Self.sequences(probes, renderer: renderer, asChat: asChat)
        let scores = try CompletionScorer(decoder: decoder, interventions: interventions)
            .logProbabilities(of: sequences, progress: progress)
        self.init(probes, scores: scores)
    }

    /// The choices of probes after their prompts, in order.
    ///
    /// - Throws: `PromptError.noTokens` for a choice that gives no tokens; what rendering throws.
    static func sequences(
        _ probes: [Probe], renderer: PromptRenderer, asChat: Bool
    ) throws -> [TokenSequence] {
        try probes.flatMap { probe in
            let prompt = try renderer.tokens(probe.prompt, asChat: asChat, place: probe.place)
            return try probe.choices.map { choice in
                try renderer.continuation(choice, of: prompt, place: probe.place)
            }
        }
    }

    /// The result of probes whose choices' log probabilities are known.
    init(_ probes: [Probe], scores: [Double]) {
        var first = 0
        items = probes.map { probe in
            defer { first += probe.choices.count }
            return Item(
                category: probe.category,
                logProbabilities: Array(scores[first..<first + probe.choices.count]),
                correct: probe.correct)
        }
    }
}
