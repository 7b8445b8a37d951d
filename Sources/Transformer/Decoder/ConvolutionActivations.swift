import Formats

/// What a gated short convolution computes for the rows of a chunk.
///
/// Letters: R rows of the chunk, D hidden size.
struct ConvolutionActivations {
    /// (R, 3D): the gate of the input, that of the output, and what they gate.
    let thirds: ActivationMatrix
    /// (R, D): what is convolved, gated.
    let input: ActivationMatrix
    /// (R, D): the convolution's output before its gate; the same as `output` where no way back reads it.
    let convolved: ActivationMatrix
    /// (R, D)
    let output: ActivationMatrix

    init(_ configuration: DecoderConfiguration, isKept: Bool) {
        let width = configuration.sizes.hiddenSize
        thirds = ActivationMatrix(width: 3 * width)
        input = ActivationMatrix(width: width)
        output = ActivationMatrix(width: width)
        convolved = isKept ? ActivationMatrix(width: width) : output
    }

    /// What a row takes where it is kept for the way back.
    static func floatsPerRow(_ configuration: DecoderConfiguration) -> Int {
        6 * configuration.sizes.hiddenSize
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        for matrix in [thirds, input, convolved, output] { matrix.reserve(rows) }
    }
}

/// The gradients of what a short convolution computes, which every block uses anew.
///
/// Letters as in `ConvolutionActivations`.
struct ConvolutionGradients {
    /// (R, D): of the gated output, then of what is convolved.
    let output: ActivationMatrix
    /// (R, D): of the convolution's output.
    let convolved: ActivationMatrix
    /// (R, 3D)
    let thirds: ActivationMatrix

    init(_ configuration: DecoderConfiguration) {
        let width = configuration.sizes.hiddenSize
        output = ActivationMatrix(width: width)
        convolved = ActivationMatrix(width: width)
        thirds = ActivationMatrix(width: 3 * width)
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        for matrix in [output, convolved, thirds] { matrix.reserve(rows) }
    }
}
