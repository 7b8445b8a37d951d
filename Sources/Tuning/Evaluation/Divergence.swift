package import Formats
package import Transformer

/// How far a model's predictions are from another's on the same tokens: Kullback–Leibler divergence of the
/// distributions of the next token, in nats, from f32 logits.
package struct Divergence: Sendable {
    /// Tokens that both models run, and which of their predictions are compared.
    struct Run: Sendable {
        let tokens: [Int]
        /// The first token whose prediction of the next one is compared; so are those of all tokens after it.
        let first: Int
        /// What comes after each token in the text; empty where there is no text to predict.
        var targets: [Int] = []
    }

    /// KL(reference ‖ model) at every position, in order.
    package let values: [Double]
    /// KL(model ‖ reference), the mean.
    package let reverseMean: Double
    /// Share of positions where both have the same most likely token.
    package let topAgreement: Double
    /// The mean −log p that `model` gives the text's own tokens, in nats: that of the perplexity but for the last bits,
    /// since rows are packed otherwise. Nil where prompts were compared.
    package let meanLoss: Double?

    /// The largest |Δ| of any logit, and the largest |logit| of the reference.
    package let largestDifference: Double
    package let largestLogit: Double

    package var positions: Int { values.count }
    package var mean: Double { Statistics.mean(values) }
    package var median: Double { Quantile.of(sorted: values.sorted(), 0.5) }
    package var percentile95: Double { Quantile.of(sorted: values.sorted(), 0.95) }
    package var largest: Double { values.max() ?? 0 }

    /// Compares the predictions of all tokens of a text but the first, in the windows of a perplexity.
    ///
    /// - Parameters:
    ///   - reference: the model that predicts p in KL(p ‖ q).
    ///   - interventions: act on `decoder`, which predicts q, alone.
    ///   - progress: called with runs, that is windows or prompts, done and in all.
    /// - Throws: `EvaluationError.vocabularySizes`, `EvaluationError.shortText`; what the decoders throw.
    package init(
        from reference: Decoder, to decoder: Decoder, text: [Int], windows: SlidingWindows,
        interventions: [Intervention] = [], progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        try self.init(
            from: reference, to: decoder, runs: Self.runs(text, windows: windows),
            interventions: interventions, progress: progress)
    }

    /// The windows of a text as runs, made as they are needed.
    ///
    /// - Throws: `EvaluationError.shortText`.
    static func runs(
        _ text: [Int], windows: SlidingWindows
    ) throws(EvaluationError) -> some RandomAccessCollection<Run> {
        let places = windows.windows(over: text.count)
        guard !places.isEmpty else { throw EvaluationError.shortText(tokens: text.count) }
        return places.lazy.map { place in
            let tokens = place.tokens.lowerBound..<place.tokens.upperBound - 1
            return Run(
                tokens: Array(text[tokens]),
                first: place.predicted.lowerBound - 1 - place.tokens.lowerBound,
                targets: Array(text[tokens.lowerBound + 1..<tokens.upperBound + 1]))
        }
    }

    /// Compares the predictions after every token of some prompts.
    ///
    /// - Parameters: as above.
    /// - Throws: as above.
    package init(
        from reference: Decoder, to decoder: Decoder, prompts: [[Int]],
        interventions: [Intervention] = [], progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        try self.init(
            from: reference, to: decoder, runs: prompts.map { Run(tokens: $0, first: 0) },
            interventions: interventions, progress: progress)
    }

    /// Checks that two models predict vocabularies of the same size.
    ///
    /// - Throws: `EvaluationError.vocabularySizes` where they do not.
    package static func checkVocabularies(
        model: any PassRunner, other: any PassRunner
    ) throws(EvaluationError) {
        let sizes = [model, other].map(\.configuration.sizes.vocabularySize)
        guard sizes[0] == sizes[1] else {
            throw .vocabularySizes(model: sizes[0], other: sizes[1])
        }
    }

    /// Checks that the tokens of one tokenizer are those of the other.
    ///
    /// - Throws: `EvaluationError.vocabularySizes` or `EvaluationError.vocabularyEntries` where they are not.
    package static func checkVocabularies(
        model: TokenizerDefinition, other: TokenizerDefinition
    ) throws(EvaluationError) {
        guard model.tokens.count == other.tokens.count else {
            throw .vocabularySizes(model: model.tokens.count, other: other.tokens.count)
        }
        if let index = model.tokens.indices.first(where: { model.tokens[$0] != other.tokens[$0] }) {
            throw .vocabularyEntries(index: index)
        }
    }

    /// Runs are cut, and continued through caches, where the reference's logits would not fit the bound.
    ///
    /// - Parameters:
    ///   - referenceInterventions: act on `reference` alone.
    ///   - heldLogits: the most logits of the reference held at a time: 64 MB.
    init(
        from reference: any PassRunner, to decoder: any PassRunner,
        runs: some RandomAccessCollection<Run>,
        interventions: [Intervention] = [], referenceInterventions: [Intervention] = [],
        heldLogits: Int = 1 << 24, progress: (Int, Int) -> Void
    ) throws {
        try Self.checkVocabularies(model: decoder, other: reference)
        let vocabulary = decoder.configuration.sizes.vocabularySize
        let limit = max(1, heldLogits / vocabulary)
        // All pieces of a run but its last fill a pass each, so that no pass has two of the same run.
        let pieces = Packing.pieces(runs.map(\.tokens.count), limit: limit)
        var (values, reverses, agreements, losses) = ([Double](), 0.0, 0, 0.0)
        var largest = (difference: Float(0), logit: Float(0))
        var hasTargets = !runs.isEmpty
        var caches: [Int: (reference: SequenceCache, model: SequenceCache)] = [:]
        for pass in PassPlan.passes(pieces.map(\.range.count), limit: limit) {
            var slices: (reference: [DecoderSlice], model: [DecoderSlice]) = ([], [])
            var firsts: [Int] = []
            var targets: [ArraySlice<Int>] = []
            for piece in pieces[pass] {
                let run = runs[runs.index(runs.startIndex, offsetBy: piece.index)]
                if piece.range.lowerBound == 0, piece.range.count < run.tokens.count {
                    caches[piece.index] = (
                        SequenceCache(reference.configuration), SequenceCache(decoder.configuration)
                    )
                }
                let tokens = Array(run.tokens[piece.range])
                let length = run.tokens.count
                slices.reference.append(
                    DecoderSlice(
                        tokens, cache: caches[piece.index]?.reference, sequenceLength: length))
                slices.model.append(
                    DecoderSlice(tokens, cache: caches[piece.index]?.model, sequenceLength: length))
                hasTargets = hasTargets && run.targets.count == length
                targets.append(hasTargets ? run.targets[piece.range] : [])
                firsts.append(min(max(run.first - piece.range.lowerBound, 0), tokens.count))
                if piece.range.upperBound == run.tokens.count { caches[piece.index] = nil }
            }
            var held: [Float] = []
            let keep = LogitsReceiver(scope: .from(firsts)) { _, _, rows in
                rows.withUnsafeBufferPointer { held.append(contentsOf: $0) }
            }
            try reference.run(
                slices.reference, interventions: referenceInterventions, logits: keep)
            // Both passes have the same shape, so the rows come in the same order.
            var start = 0
            let compare = LogitsReceiver(scope: .from(firsts)) { slice, tokens, rows in
                for (row, token) in tokens.enumerated() {
                    let begin = row * vocabulary
                    let p = held.span.extracting(start + begin..<start + begin + vocabulary)
                    let q = rows.extracting(begin..<begin + vocabulary)
                    let divergence = divergenceForward(p, q)
                    values.append(divergence.forward)
                    reverses += divergence.reverse
                    if indexOfLargest(p) == indexOfLargest(q) { agreements += 1 }
                    let logits = largestDifferenceForward(p, q)
                    largest.difference = max(largest.difference, logits.difference)
                    largest.logit = max(largest.logit, logits.value)
                    guard hasTargets else { continue }
                    let target = targets[slice][targets[slice].startIndex + token]
                    losses += logSumExpForward(q) - Double(q[target])
                }
                start += tokens.count * vocabulary
            }
            try decoder.run(slices.model, interventions: interventions, logits: compare)
            progress(pieces[pass.upperBound - 1].index + 1, runs.count)
        }
        self.values = values
        largestDifference = Double(largest.difference)
        largestLogit = Double(largest.logit)
        reverseMean = reverses / Double(max(values.count, 1))
        topAgreement = Double(agreements) / Double(max(values.count, 1))
        meanLoss = hasTargets && !values.isEmpty ? losses / Double(values.count) : nil
    }
}
