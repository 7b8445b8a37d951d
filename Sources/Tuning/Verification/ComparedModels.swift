import Formats
import Transformer

/// The two models of a verification, run side by side on the same tokens, some positions at a time: what is held in
/// memory does not grow with a text, but for the keys and values of the runs.
struct ComparedModels {
    let base: Decoder
    let edited: Decoder
    let interventions: [Intervention]

    /// The most numbers of one run that are held at a time.
    private static let numbersPerPart = 1 << 25

    /// Compares the models on a text.
    ///
    /// - Parameter advance: called with the number of positions compared since.
    func compare(
        _ text: ComparedText, wrongs: [[Intervention]], into sums: inout ComparisonSums,
        advance: (Int) -> Void
    ) throws {
        let sizes = base.configuration.sizes
        let perToken = sizes.hiddenSize * (2 * sizes.blockCount + 1) + sizes.vocabularySize
        let step = max(8, min(512, Self.numbersPerPart / perToken))
        let isSteered = !interventions.isEmpty
        let nulled = interventions.map { intervention in
            var copy = intervention
            copy.strength = 0
            return copy
        }
        var runs = [Run(base, interventions), Run(edited, [])]
        if isSteered { runs.append(Run(base, [])) }
        let controls =
            text.isAddedForLength
            ? [] : wrongs.map { Run(base, $0) } + (isSteered ? [Run(base, nulled)] : [])
        runs += controls
        let count = text.tokens.count
        for start in stride(from: 0, to: count, by: step) {
            let part = Array(text.tokens[start..<min(start + step, count)])
            let traces = try runs.map { try $0.trace(part, isWhole: part.count == count, count) }
            let (steered, found) = (traces[0], traces[1])
            let plain = isSteered ? traces[2] : steered
            sums.effects.add(reference: steered, other: plain)
            sums.errors.add(reference: steered, other: found)
            sums.strengths.add(steered: steered, edited: found)
            if !controls.isEmpty {
                let others = traces.suffix(controls.count)
                for (index, wrong) in others.prefix(wrongs.count).enumerated() {
                    sums.wrongs[index].add(reference: wrong, other: found)
                }
                if isSteered, let null = others.last {
                    sums.nullIsEqual = sums.nullIsEqual && null.entries == plain.entries
                }
            }
            advance(part.count)
        }
    }

    /// One decoder with its interventions, and what it has seen of the text.
    private struct Run {
        let decoder: Decoder
        let interventions: [Intervention]
        let cache: KeyValueCache

        init(_ decoder: Decoder, _ interventions: [Intervention]) {
            self.decoder = decoder
            self.interventions = interventions
            cache = KeyValueCache(decoder.configuration)
        }

        func trace(_ tokens: [Int], isWhole: Bool, _ length: Int) throws -> Trace {
            try Trace(
                of: tokens, in: decoder, interventions: interventions,
                continuing: isWhole ? nil : cache, sequenceLength: length)
        }
    }
}

/// What the runs of a verification differ by, summed over the texts.
struct ComparisonSums {
    /// The steered base against the edited model.
    var errors: StreamComparison
    /// The steered base against the plain one.
    var effects: StreamComparison
    /// Each control against the edited model.
    var wrongs: [StreamComparison]
    var strengths: StrengthSamples
    /// Whether the base with strength 0 had the plain base's bits.
    var nullIsEqual = true

    init(blockCount: Int, added: [Int: [Float]], wrongCount: Int) {
        errors = StreamComparison(blockCount: blockCount)
        effects = errors
        wrongs = Array(repeating: errors, count: wrongCount)
        strengths = StrengthSamples(added: added)
    }
}
