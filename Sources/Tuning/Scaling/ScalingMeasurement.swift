package import Transformer

/// What scalings do to probes and texts, with β = 1 and its opposite, beside the plain model.
package struct ScalingMeasurement: Sendable {
    /// With one β.
    package struct Row: Sendable {
        package let beta: Float
        package let probes: ProbeResult
        /// KL(plain ‖ scaled) of the next token; nil for the plain model.
        package let divergence: Divergence?
    }

    /// β = 0, 1 and −1.
    package let rows: [Row]

    /// - Parameters:
    ///   - texts: what the divergence is taken on, at every position.
    ///   - progress: called with the betas done and in all.
    /// - Throws: what rendering and the decoder throw.
    package init(
        _ scaling: ActivationScaling, probes: [Probe], texts: [[Int]], decoder: Decoder,
        renderer: PromptRenderer, asChat: Bool, progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        let betas: [Float] = [0, 1, -1]
        rows = try betas.enumerated().map { index, beta in
            let interventions = beta == 0 ? [] : scaling.interventions(beta: beta)
            let result = try ProbeResult(
                probes, decoder: decoder, renderer: renderer, asChat: asChat,
                interventions: interventions)
            let divergence =
                beta == 0
                ? nil
                : try Divergence(
                    from: decoder, to: decoder, prompts: texts, interventions: interventions)
            progress(index + 1, betas.count)
            return Row(beta: beta, probes: result, divergence: divergence)
        }
    }
}
