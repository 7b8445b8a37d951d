import Glibc
import Transformer

/// What a fitted model predicts beside its base steered online, on the windows of a text that the fit has not seen.
package struct FitComparison: Sendable {
    /// KL(steered ‖ fitted) of every prediction, in nats, and how far the logits are apart.
    package let divergence: Divergence
    /// KL(steered ‖ base): what not baking at all would be off by.
    package let baseDivergence: Divergence
    /// Perplexities of the same windows.
    package let perplexities: (base: Double, steered: Double, fitted: Double)
    /// Predictions compared.
    package var positions: Int { divergence.positions }

    /// - Parameters:
    ///   - interventions: all that steers the base.
    ///   - others: those of them that the edited model does not hold, because they are baked otherwise.
    init(
        base: Decoder, edited: Decoder, interventions: [Intervention], others: [Intervention],
        windows: [[Int]]
    ) throws {
        let runs = windows.map { Divergence.Run(tokens: $0, first: 0) }
        divergence = try Divergence(
            from: base, to: edited, runs: runs, interventions: others,
            referenceInterventions: interventions, progress: { _, _ in })
        baseDivergence = try Divergence(
            from: base, to: base, runs: runs, referenceInterventions: interventions,
            progress: { _, _ in })
        func perplexity(_ decoder: Decoder, _ interventions: [Intervention]) throws -> Double {
            let scores = try CompletionScorer(decoder: decoder, interventions: interventions)
                .logProbabilities(
                    of: windows.map {
                        TokenSequence(
                            prompt: Array($0.prefix(1)), completion: Array($0.dropFirst()),
                            place: "text")
                    })
            let count = windows.reduce(0) { $0 + $1.count - 1 }
            return exp(-scores.reduce(0, +) / Double(max(count, 1)))
        }
        perplexities = (
            try perplexity(base, []), try perplexity(base, interventions),
            try perplexity(edited, others)
        )
    }
}
