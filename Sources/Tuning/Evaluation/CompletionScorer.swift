import Formats
import Transformer

/// How likely a model finds completions.
struct CompletionScorer {
    let decoder: Decoder
    let interventions: [Intervention]

    /// The log probability of every sequence's completion after its prompt, in nats, summed over its tokens.
    ///
    /// Sequences run packed together, and logits are computed only where a token of a completion is predicted. The
    /// first token of a sequence is predicted by nothing and counts 0.
    ///
    /// - Parameters:
    ///   - sequences: made as they are needed, where the collection is lazy.
    ///   - progress: called with the sequences done and in all.
    /// - Throws: what the decoder throws.
    func logProbabilities(
        of sequences: some RandomAccessCollection<TokenSequence>,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> [Double] {
        let vocabulary = decoder.configuration.sizes.vocabularySize
        var sums = [Double](repeating: 0, count: sequences.count)
        for pass in PassPlan.passes(sequences.map(\.tokens.count)) {
            let begin = sequences.index(sequences.startIndex, offsetBy: pass.lowerBound)
            let end = sequences.index(begin, offsetBy: pass.count)
            let part = sequences[begin..<end].map { $0 }
            for (slice, sequence) in part.enumerated() {
                // The decoder checks the tokens that run; the last one does not.
                guard let last = sequence.tokens.last, !(0..<vocabulary).contains(last) else {
                    continue
                }
                throw ForwardError.tokenOutOfRange(
                    slice: pass.lowerBound + slice, index: sequence.tokens.count - 1, token: last,
                    vocabularySize: vocabulary)
            }
            let scored = part.indices.filter {
                part[$0].tokens.count > max(part[$0].promptCount, 1)
            }
            let logits = LogitsReceiver(
                scope: .from(scored.map { max(part[$0].promptCount - 1, 0) })
            ) {
                slice, tokens, rows in
                let targets = part[scored[slice]].tokens
                for (row, token) in tokens.enumerated() {
                    let logits = rows.extracting(row * vocabulary..<(row + 1) * vocabulary)
                    sums[pass.lowerBound + scored[slice]] +=
                        Double(logits[targets[token + 1]]) - logSumExpForward(logits)
                }
            }
            if !scored.isEmpty {
                try decoder.forward(
                    scored.map { DecoderSlice(part[$0].tokens.dropLast()) },
                    interventions: interventions, logits: logits)
            }
            progress(pass.upperBound, sequences.count)
        }
        return sums
    }
}
