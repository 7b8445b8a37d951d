import Formats
import Transformer

/// A batch as the sequences that have to be run, and what each term reads in them.
struct BatchPlan {
    /// A sequence to run.
    struct Sequence {
        enum Kind {
            /// An example's prompt and completion.
            case example(TuningExample)
            /// An example's prompt and one of its choices.
            case choice(prompt: Int, probability: Float)
            /// A window of ordinary text.
            case text
        }

        let kind: Kind
        let tokens: [Int]
    }

    /// A token whose logits a term reads.
    struct Reading {
        let token: Int
        /// What part of the term's mean loss it is.
        let share: Double
        let kind: LogitTarget.Kind
    }

    let exampleCount: Int
    private let sequences: [Sequence]
    private let completionTokens: Int
    private let textTokens: Int
    private let exampleTokens: Int

    /// - Throws: `TrainingError.noChoices`, `.noTexts`, `.noContrast` where a term finds nothing to read.
    init(_ batch: TuningBatch, _ terms: [ObjectiveTerm]) throws(TrainingError) {
        var sequences: [Sequence] = []
        let readsSoft = terms.contains { $0.goal == .soft }
        let readsContrast = terms.contains { $0.goal.kind == .contrast }
        let readsMain = terms.contains {
            $0.goal == .token || $0.goal == .keepSteered || $0.goal.blocks != nil
        }
        for example in batch.examples {
            if readsSoft, example.choices.isEmpty { throw .noChoices(place: example.place) }
            if readsContrast, example.contrast == nil { throw .noContrast(place: example.place) }
            let splits = readsSoft && !Self.hasShortChoices(example)
            if readsMain || readsSoft && !splits {
                sequences.append(
                    Sequence(
                        kind: .example(example), tokens: example.sequence.tokens))
            }
            guard splits else { continue }
            for choice in example.choices where choice.probability > 0 {
                sequences.append(
                    Sequence(
                        kind: .choice(
                            prompt: example.prompt.count, probability: choice.probability),
                        tokens: example.prompt + choice.tokens))
            }
        }
        if terms.contains(where: { $0.goal == .keep }) {
            guard !batch.texts.isEmpty else { throw .noTexts }
            sequences += batch.texts.map { Sequence(kind: .text, tokens: $0) }
        }
        self.sequences = sequences
        exampleCount = batch.examples.count
        completionTokens = batch.examples.reduce(0) { $0 + $1.completion.count }
        textTokens = batch.texts.reduce(0) { $0 + $1.count }
        exampleTokens = batch.examples.reduce(0) { $0 + $1.sequence.tokens.count }
    }

    /// Choices of one token are targets at one position: they need no sequences of their own.
    private static func hasShortChoices(_ example: TuningExample) -> Bool {
        example.choices.allSatisfy { $0.tokens.count == 1 }
    }

    /// The sequences in parts of at most so many tokens, or of one longer sequence.
    func parts(limit: Int) -> [[Sequence]] {
        Packing.groups(sequences.map(\.tokens.count), limit: limit).map { Array(sequences[$0]) }
    }

    /// The tokens whose logits a term reads in a sequence.
    func readings(
        of term: ObjectiveTerm, in sequence: Sequence, _ prefixes: PrefixCache
    ) throws -> [Reading] {
        switch (term.goal, sequence.kind) {
        case (.token, .example(let example)):
            return Self.readings(
                of: example.completion, after: example.prompt.count,
                share: 1 / Double(completionTokens))
        case (.soft, .example(let example)) where Self.hasShortChoices(example):
            let targets = example.choices.map { (token: $0.tokens[0], probability: $0.probability) }
            return [
                Reading(
                    token: example.prompt.count - 1, share: 1 / Double(exampleCount),
                    kind: .tokens(targets))
            ]
        case (.soft, .choice(let prompt, let probability)):
            return Self.readings(
                of: Array(sequence.tokens[prompt...]), after: prompt,
                share: Double(probability) / Double(exampleCount))
        case (.keep, .text):
            return try Self.readings(
                ofAll: sequence, prefixes, share: 1 / Double(textTokens)
            ) { .stream($0) }
        case (.keepSteered, .example):
            return try Self.readings(
                ofAll: sequence, prefixes, share: 1 / Double(exampleTokens)
            ) { .towardStream($0) }
        default: return []
        }
    }

    /// Every token, compared with what the untuned model predicts there.
    private static func readings(
        ofAll sequence: Sequence, _ prefixes: PrefixCache, share: Double,
        _ kind: ([Float]) -> LogitTarget.Kind
    ) throws -> [Reading] {
        let stream = try prefixes.finalStream(sequence.tokens)
        let width = stream.count / sequence.tokens.count
        return sequence.tokens.indices.map { token in
            let row = Array(stream[(token * width)..<((token + 1) * width)])
            return Reading(token: token, share: share, kind: kind(row))
        }
    }

    /// Each token of a completion is read at the position before it.
    private static func readings(
        of completion: [Int], after prompt: Int, share: Double
    ) -> [Reading] {
        completion.enumerated().map { index, token in
            let target = (token: token, probability: Float(1))
            return Reading(token: prompt + index - 1, share: share, kind: .tokens([target]))
        }
    }

    /// The tokens at which a representation term reads a sequence; nil where it reads none.
    ///
    /// - Throws: `PromptError.noSuchToken` where the example has no such token.
    func tokens(
        of term: ObjectiveTerm, in sequence: Sequence
    ) throws(PromptError) -> Range<Int>? {
        guard case .example(let example) = sequence.kind else { return nil }
        return try example.sequence.range(of: term.position)
    }
    /// Where a term wants the stream to be at its tokens of a sequence, by block: (those tokens, hidden size). Nil for a
    /// term that looks at directions alone.
    ///
    /// - Throws: `PromptError.noSuchToken`; what the decoder throws.
    func targets(
        of term: ObjectiveTerm, in sequence: Sequence, _ prefixes: PrefixCache
    ) throws -> [Int: ArraySlice<Float>]? {
        guard case .example(let example) = sequence.kind,
            let tokens = try tokens(of: term, in: sequence)
        else { return nil }
        switch term.goal {
        case .shift(let directions):
            let untuned = try prefixes.untunedStreams(
                sequence.tokens, at: term.site, of: directions.keys.sorted())
            return directions.reduce(into: [:]) { targets, place in
                let (block, direction) = (place.key, place.value)
                let stream = untuned[block] ?? []
                targets[block] =
                    tokens.flatMap { token in
                        let start = token * direction.count
                        return zip(stream[start..<start + direction.count], direction).map {
                            $0 + $1
                        }
                    }[...]
            }
        case .contrast(let blocks, let strength):
            return try prefixes.contrastStreams(
                example, strength: strength, at: term.site, of: blocks)
        default: return nil
        }
    }
}
