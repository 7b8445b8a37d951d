import Formats

/// What makes the inputs that blocks have beside the stream, of all blocks together.
package struct PerLayerWeights: Sendable {
    /// (vocabulary, blocks · P), P the width of one block's input
    package let embedding: WeightMatrix
    /// (blocks · P, hidden size)
    package let projection: Projection
    /// (P)
    package let norm: NormWeights
}

/// What a block makes of its own input: output(activation(gate(x)) · input), normed and added to the stream x.
package struct PerLayerInputWeights: Sendable {
    /// (P, hidden size)
    package let gate: Projection
    /// (hidden size, P)
    package let output: Projection
    package let norm: NormWeights
}

/// The blocks' inputs beside the stream, and memory to make and use them.
///
/// Letters: R rows of the chunk, D hidden size, L blocks, P width of one block's input.
final class PerLayerMemory: Sendable {
    /// (R, P) for each block
    let inputs: [ActivationMatrix]
    /// (R, P) for each block
    let inputGradients: [ActivationMatrix]
    /// (R, L · P): what the projection makes of the stream, and its gradient.
    let projected: ActivationMatrix
    let projectedGradient: ActivationMatrix
    /// (R, L · P): the gradient of the norm's output.
    let normedGradient: ActivationMatrix
    /// (R, P): a block's input times its gate, and the gradient of that.
    let gated: ActivationMatrix
    let gatedGradient: ActivationMatrix
    /// (R, D): the stream before the first block, of passes that start behind it.
    let entry: ActivationMatrix

    init(width: Int, _ sizes: Hyperparameters) {
        inputs = (0..<sizes.blockCount).map { _ in ActivationMatrix(width: width) }
        inputGradients = inputs.map { ActivationMatrix(width: $0.width) }
        projected = ActivationMatrix(width: width * sizes.blockCount)
        projectedGradient = ActivationMatrix(width: projected.width)
        normedGradient = ActivationMatrix(width: projected.width)
        gated = ActivationMatrix(width: width)
        gatedGradient = ActivationMatrix(width: width)
        entry = ActivationMatrix(width: sizes.hiddenSize)
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        for matrix in inputs + [projected, gated, entry] { matrix.reserve(rows) }
    }

    /// Makes room for the gradients, and sets those of the inputs to zero.
    func reserveBackward(rows: Int) {
        for matrix in inputGradients + [projectedGradient, normedGradient, gatedGradient] {
            matrix.reserve(rows)
        }
        for matrix in inputGradients { matrix.clear(rows) }
    }
}
