/// What mixes the tokens of a text in a block: its first half.
package enum MixerWeights: Sendable {
    case attention(AttentionWeights)
    case shortConvolution(ShortConvolutionWeights)
    case deltaNet(DeltaNetWeights)

    /// The projection whose output joins the stream.
    package var output: Projection {
        switch self {
        case .attention(let weights): weights.output
        case .shortConvolution(let weights): weights.output
        case .deltaNet(let weights): weights.output
        }
    }
}

/// Attention's weights. Norms that the family does not have are nil.
package struct AttentionWeights: Sendable {
    package let heads: HeadWeights
    /// (head size), of each head, or (width of all heads), of all together
    package let queryNorm: NormWeights?
    package let keyNorm: NormWeights?
    /// (heads): scores beside those of the keys; nil where there are none.
    package let sinks: FloatBuffer?
    /// (head size), all 1: values are normed without a weight.
    package let valueNorm: NormWeights?
    /// The block whose keys and values are read; nil where the block makes its own.
    package let keySource: Int?
    package let output: Projection
}

/// The weights of a gated short convolution (LFM 2): output(C ⊙ convolution(B ⊙ x)), with B, C and x = the thirds of
/// input(n).
package struct ShortConvolutionWeights: Sendable {
    /// (3 · hidden size, hidden size): the rows of B, of C, of x
    package let input: Projection
    /// (hidden size, taps)
    package let taps: FloatBuffer
    /// (hidden size)
    package let bias: FloatBuffer?
    package let shape: ConvolutionShape
    package let output: Projection
}

/// The weights of a gated delta net (arXiv 2412.06464) as Qwen 3.5 has it.
///
/// Letters: K width of all keys, V width of all values, H heads of values, D hidden size.
package struct DeltaNetWeights: Sendable {
    package let inputs: Inputs
    package let rates: Rates
    /// (2K + V, taps)
    package let taps: FloatBuffer
    /// (H): what decays' exponents are multiplied by
    package let rate: FloatBuffer
    /// (H): what is added before
    package let decayBias: FloatBuffer
    /// Of each head's output.
    package let norm: NormWeights
    /// (D, V)
    package let output: Projection

    /// What the rule's queries, keys and values come of, and the gate on its output.
    package enum Inputs: Sendable {
        /// (2K + V, D): the rows of queries, of keys, of values; (V, D)
        case separate(queryKeyValue: Projection, gate: Projection)
        /// (2K + 2V, D), head of keys by head: its query, its key, its values, their gates
        case fused(Projection)
    }

    /// What states decay by, and how strongly rows are written to them.
    package enum Rates: Sendable {
        /// (H, D) each
        case separate(decay: Projection, strength: Projection)
        /// (2H, D), head of keys by head: the strengths of its values, then their decays
        case fused(Projection)
    }
}

/// How a block makes queries, keys and values.
package enum HeadWeights: Sendable {
    case separate(query: Projection, key: Projection, value: Projection)
    /// Queries and the gate on attention's output in one matrix, head by head.
    case gated(queryGate: Projection, key: Projection, value: Projection)
    /// One matrix for all three.
    case fused(Projection)
    /// Values are the keys before their norm and rotation.
    case valuesAreKeys(query: Projection, key: Projection)
    /// Keys and values are another block's.
    case queries(Projection)
}
