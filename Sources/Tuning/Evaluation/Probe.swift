import Formats
public import Transformer

/// Forced choices: a prompt and completions, one of which shows the behaviour that is probed.
public struct Probe: Sendable {
    public let prompt: Prompt
    public let choices: [String]
    /// The index of the choice that counts as correct.
    public let correct: Int
    public let category: String?
    public let place: String

    /// Reads a `.jsonl` file of `{"prompt": X, "choices": ["A","B"], "correct": 0, "category": "…"}`.
    ///
    /// - Throws: file and JSON errors, `PromptError` naming file and line.
    public static func read(_ path: String) throws -> [Probe] {
        try JSONLines.read(path).map { place, object in try Probe(object, place: place) }
    }

    /// Reads one line's object.
    init(_ object: JSONObject, place: String) throws(PromptError) {
        guard let prompt = object["prompt"] else {
            throw .missingMember(place: place, key: "prompt")
        }
        let choices = object["choices"]?.array?.compactMap(\.string) ?? []
        guard choices.count >= 2, choices.count == object["choices"]?.array?.count,
            choices.allSatisfy({ !$0.isEmpty })
        else { throw .badMember(place: place, key: "choices") }
        guard let correct = object["correct"]?.integer, choices.indices.contains(correct) else {
            throw .badMember(place: place, key: "correct")
        }
        self.prompt = try Prompt(prompt, place: place)
        self.choices = choices
        self.correct = correct
        category = object["category"]?.string
        self.place = place
    }
}

/// How strongly a model prefers the correct choices of probes.
public struct ProbeResult: Sendable {
    public struct Item: Sendable {
        public let category: String?
        /// log p(correct) − the largest log p of another choice, each over all tokens of the completion.
        public let margin: Double
    }

    public let items: [Item]

    /// The results of some of the probes.
    public init(items: [Item]) {
        self.items = items
    }

    /// Mean log-odds margin.
    public var meanMargin: Double {
        items.reduce(0) { $0 + $1.margin } / Double(max(items.count, 1))
    }

    /// Share of probes whose correct choice is the likeliest.
    public var accuracy: Double {
        Double(items.count { $0.margin > 0 }) / Double(max(items.count, 1))
    }

    /// Runs the probes.
    ///
    /// - Parameter progress: called with the probes done and in all.
    /// - Throws: what rendering and the decoder throw.
    public init(
        _ probes: [Probe], decoder: Decoder, renderer: PromptRenderer, asChat: Bool = false,
        interventions: [Intervention], progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        var items: [Item] = []
        for (index, probe) in probes.enumerated() {
            let prompt = try renderer.tokens(probe.prompt, asChat: asChat, place: probe.place)
            let scores = try Self.logProbabilities(
                of: probe.choices.map {
                    renderer.tokenizer.encode($0, addSpecial: false, parseSpecial: false)
                },
                after: prompt, decoder: decoder, interventions: interventions)
            let others = scores.indices.filter { $0 != probe.correct }.map { scores[$0] }
            items.append(
                Item(
                    category: probe.category,
                    margin: scores[probe.correct] - (others.max() ?? -.infinity)))
            progress(index + 1, probes.count)
        }
        self.items = items
    }

    /// The log probability of each completion after the prompt; all run packed together.
    private static func logProbabilities(
        of completions: [[Int]], after prompt: [Int], decoder: Decoder,
        interventions: [Intervention]
    ) throws -> [Double] {
        let vocabulary = decoder.configuration.sizes.vocabularySize
        var sums = [Double](repeating: 0, count: completions.count)
        let logits = LogitsReceiver(scope: .all) { slice, tokens, rows in
            for (row, token) in tokens.enumerated() {
                let next = token + 1 - prompt.count
                guard next >= 0, next < completions[slice].count else { continue }
                let row = rows.withUnsafeBufferPointer {
                    Array($0[(row * vocabulary)..<((row + 1) * vocabulary)])
                }
                sums[slice] += LogitComparison.logProbabilities(row[...])[completions[slice][next]]
            }
        }
        try decoder.forward(
            completions.map { DecoderSlice(prompt + $0) }, interventions: interventions,
            logits: logits)
        return sums
    }
}
