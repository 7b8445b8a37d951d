/// The second half of a block.
package enum FeedForwardWeights: Sendable {
    /// down(activation(gate(x)) · up(x))
    case gated(gate: Projection, up: Projection, down: Projection)
    /// The same with gate and up in one matrix, the gate's rows first.
    case fusedGated(gateUp: Projection, down: Projection)
    /// down(activation(up(x)))
    case plain(up: Projection, down: Projection)
    case mixture(MixtureWeights)
}

/// Σ share · expert(x) over the experts that the router chooses for x, and the shared part of x.
package struct MixtureWeights: Sendable {
    package let router: Projection
    /// (experts): what scores get added where a token's experts are chosen.
    package let choiceBias: FloatBuffer?
    package let experts: [ExpertWeights]
    package let shared: SharedExpertWeights?
    /// Where the shared part is the block's dense one; nil where all read the same and their outputs are added as they are.
    package let ownNorms: MixtureNorms?
}

/// The norms of a mixture beside a dense part (Gemma 4): output = normed(Σ share · expert(normed(stream))) +
/// normed(dense(input)), with the router reading a norm of the stream too, divided by the root of its width.
package struct MixtureNorms: Sendable {
    package let router: NormWeights
    package let experts: NormWeights
    package let expertsOutput: NormWeights
    package let denseOutput: NormWeights
    /// (experts): what shares are multiplied by.
    package let scale: FloatBuffer
}

/// A feed-forward part that every token goes through: unit(x) · σ(router(x)), or unit(x) where there is no router.
package struct SharedExpertWeights: Sendable {
    package let unit: ExpertWeights
    /// (1, hidden size)
    package let router: Projection?
}

/// One gated feed-forward part of a mixture.
package struct ExpertWeights: Sendable {
    package let inner: Inner
    package let down: Projection

    /// What the gated unit reads.
    package enum Inner: Sendable {
        case separate(gate: Projection, up: Projection)
        /// Both in one matrix, its rows as `DecoderConfiguration.fusedExperts` says.
        case fused(Projection)
    }
}
