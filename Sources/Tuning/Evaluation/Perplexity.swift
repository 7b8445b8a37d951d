import Glibc
package import Transformer

/// How well a model predicts a text: e to the power of the mean negative log probability of its tokens.
///
/// Windows and masks are those of the Hugging Face guide on the perplexity of fixed-length models; the mean is over
/// all predicted tokens. (The guide's script weights a window by one token less than it predicts where the window has
/// context, which moves the figure by some 10⁻⁵.)
package struct Perplexity: Sendable {
    /// What one window contributes.
    package struct Window: Sendable, Hashable {
        /// How many tokens are predicted in it.
        package let predictedCount: Int
        /// Σ −log p over them, in nats.
        package let loss: Double
    }

    /// Tokens of the text.
    package let tokenCount: Int
    /// In the order of the text.
    package let windows: [Window]

    /// Measures the perplexity of a text.
    ///
    /// Beside the tokens themselves, memory does not grow with the text: two windows and their logits' pieces.
    ///
    /// - Parameters:
    ///   - tokens: those of the text, with a beginning-of-text token only if the tokenizer adds one.
    ///   - windows: how the text is cut.
    ///   - progress: called with the windows done and in all.
    /// - Throws: `EvaluationError.shortText` for fewer than 2 tokens; what the decoder throws.
    package init(
        of tokens: [Int], windows: SlidingWindows, decoder: Decoder,
        interventions: [Intervention] = [], progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        let places = windows.windows(over: tokens.count)
        guard !places.isEmpty else { throw EvaluationError.shortText(tokens: tokens.count) }
        let scores = try CompletionScorer(decoder: decoder, interventions: interventions)
            .logProbabilities(of: places.lazy.map { $0.sequence(in: tokens) }, progress: progress)
        tokenCount = tokens.count
        self.windows = zip(places, scores).map {
            Window(predictedCount: $0.predicted.count, loss: -$1)
        }
    }

    /// How many tokens were predicted.
    package var predictedCount: Int { windows.reduce(0) { $0 + $1.predictedCount } }

    /// Mean −log p of a predicted token, in nats.
    package var meanLoss: Double { Self.meanLoss(windows) }

    /// e to the mean loss.
    package var value: Double { exp(meanLoss) }

    /// Where the perplexity would lie for other text of the kind, by resampling windows; nil for a single one.
    package func interval(_ bootstrap: Bootstrap = Bootstrap()) -> Bootstrap.Interval? {
        bootstrap.interval(units: windows.count) { chosen in
            var (loss, count) = (0.0, 0)
            for index in chosen {
                loss += windows[index].loss
                count += windows[index].predictedCount
            }
            return exp(loss / Double(count))
        }
    }

    private static func meanLoss(_ windows: [Window]) -> Double {
        windows.reduce(0) { $0 + $1.loss } / Double(windows.reduce(0) { $0 + $1.predictedCount })
    }
}
