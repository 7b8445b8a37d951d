import Formats

/// What a gated delta net computes for the rows of a chunk.
///
/// Letters: R rows of the chunk, K width of all keys, V width of all values, H heads of values.
struct DeltaNetActivations {
    /// (R, 2K + V): queries, keys and values before their convolution.
    let projected: ActivationMatrix
    /// (R, 2K + V): after it.
    let convolved: ActivationMatrix
    /// (R, 2K + V): after the activation that follows.
    let active: ActivationMatrix
    /// (R, 2K): queries and keys, brought to one length.
    let unit: ActivationMatrix
    /// (R, V): the gate on the output.
    let gate: ActivationMatrix
    /// (R, H): what decays and strengths come of.
    let decayInput: ActivationMatrix
    let strengthInput: ActivationMatrix
    /// (R, H)
    let decay: ActivationMatrix
    let strength: ActivationMatrix
    /// (R, V): what the states' queries read.
    let heads: ActivationMatrix
    /// (R, V): the same after its norm and gate, which the last projection reads.
    let output: ActivationMatrix
    /// (R + taps − 1, 2K + V): a text's inputs of the convolution with those before them.
    let extended: ActivationMatrix

    /// - Parameter isKept: whether a way back reads what others are computed of.
    init(_ configuration: DecoderConfiguration, isKept: Bool) {
        let shape = configuration.deltaRule
        func matrix(_ width: Int) -> ActivationMatrix { ActivationMatrix(width: width) }
        let width = 2 * shape.keyWidth + shape.valueWidth
        projected = matrix(width)
        convolved = matrix(width)
        active = isKept ? matrix(width) : convolved
        unit = matrix(2 * shape.keyWidth)
        gate = matrix(shape.valueWidth)
        decayInput = matrix(shape.valueHeads)
        strengthInput = matrix(shape.valueHeads)
        decay = matrix(shape.valueHeads)
        strength = matrix(shape.valueHeads)
        heads = matrix(shape.valueWidth)
        output = isKept ? matrix(shape.valueWidth) : heads
        extended = matrix(width)
    }

    /// What a row takes where it is kept for the way back.
    static func floatsPerRow(_ configuration: DecoderConfiguration) -> Int {
        let shape = configuration.deltaRule
        return 8 * shape.keyWidth + 6 * shape.valueWidth + 4 * shape.valueHeads
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        for matrix in [
            projected, convolved, active, unit, gate, decayInput, strengthInput, decay, strength,
            heads, output,
        ] {
            matrix.reserve(rows)
        }
    }
}

/// The gradients of what a gated delta net computes, which every block uses anew.
///
/// Letters as in `DeltaNetActivations`.
struct DeltaNetGradients {
    /// (R, 2K + V): before the convolution, and after its activation.
    let projected: ActivationMatrix
    let active: ActivationMatrix
    /// (R, 2K)
    let unit: ActivationMatrix
    /// (R, V)
    let gate: ActivationMatrix
    /// (R, H): of decays and strengths, then of what they come of.
    let decay: ActivationMatrix
    let strength: ActivationMatrix
    /// (R, V): of the last projection's input, then of what the states' queries read.
    let output: ActivationMatrix
    /// (R, V): the heads' outputs after their norm, computed again.
    let normed: ActivationMatrix

    init(_ configuration: DecoderConfiguration) {
        let shape = configuration.deltaRule
        func matrix(_ width: Int) -> ActivationMatrix { ActivationMatrix(width: width) }
        projected = matrix(2 * shape.keyWidth + shape.valueWidth)
        active = matrix(2 * shape.keyWidth + shape.valueWidth)
        unit = matrix(2 * shape.keyWidth)
        gate = matrix(shape.valueWidth)
        decay = matrix(shape.valueHeads)
        strength = matrix(shape.valueHeads)
        output = matrix(shape.valueWidth)
        normed = matrix(shape.valueWidth)
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        for matrix in [projected, active, unit, gate, decay, strength, output, normed] {
            matrix.reserve(rows)
        }
    }
}
