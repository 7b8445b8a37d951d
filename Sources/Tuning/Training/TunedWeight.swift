package import Formats

/// Weights to tune, by the words that options have for them.
package enum TunedWeight: String, CaseIterable, Sendable {
    case query, key, value, output, gate, up, down, router, norms
    /// Of short convolutions: what they convolve and its gates, and their taps.
    case convolution, taps
    /// Of gated delta nets: what their queries, keys, values, gates, decays and strengths come from.
    case delta
    case embedding, positions, head
    case outputNorm = "output-norm"

    /// The places in every tuned block; none for a weight outside the blocks. Where a family holds several of them in
    /// one matrix, each names its rows there.
    package var slots: [BlockSlot] {
        switch self {
        case .query: [.attentionQuery, .attentionQueryGate]
        case .key: [.attentionKey]
        case .value: [.attentionValue]
        case .output: [.attentionOutput, .convolutionOutput, .deltaOutput]
        case .gate: [.feedForwardGate, .expertGate, .sharedExpertGate]
        case .up: [.feedForwardUp, .expertUp, .sharedExpertUp]
        case .down: [.feedForwardDown, .expertDown, .sharedExpertDown]
        case .router: [.expertRouter, .sharedExpertRouter]
        case .convolution: [.convolutionInput]
        case .taps: [.convolutionTaps, .deltaTaps]
        case .delta: [.deltaQueryKeyValue, .deltaGate, .deltaDecay, .deltaStrength]
        case .norms: BlockSlot.allCases.filter(\.isNorm)
        case .embedding, .positions, .head, .outputNorm: []
        }
    }

    /// The place outside the blocks.
    package var modelSlot: WeightRole.Slot? {
        switch self {
        case .embedding: .tokenEmbedding
        case .positions: .positionEmbedding
        case .head: .output
        case .outputNorm: .outputNorm
        default: nil
        }
    }

    /// Whether it is a matrix of a block, which can have a low-rank update.
    package var isProjection: Bool { slots.allSatisfy(\.isProjection) && !slots.isEmpty }

    /// Whether a weight of the model is one of these.
    package func contains(_ role: WeightRole) -> Bool {
        if case .block(_, let slot) = role.slot { return slots.contains(slot) }
        return role.slot == modelSlot
    }

    /// The words for weights inside the blocks, or for those outside.
    package static func names(inBlocks: Bool) -> String {
        allCases.filter { ($0.modelSlot == nil) == inBlocks }.map(\.rawValue)
            .joined(separator: ", ")
    }
}
