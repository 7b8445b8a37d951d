import Formats

/// What one block computes for the rows of a chunk. A pass that goes forward only lets several names share memory; one
/// that goes back keeps what the backward half reads.
///
/// Letters: R rows of the chunk, D hidden size, Q width of all query heads, K width of all key heads,
/// F feed-forward size.
struct BlockActivations {
    /// (R, D): the residual stream before the block.
    let input: ActivationMatrix
    /// (R, D): the input after attention's norm.
    let normed: ActivationMatrix
    /// (R, Q), rotated
    let query: ActivationMatrix
    /// (R, K), rotated
    let key: ActivationMatrix
    /// (R, K)
    let value: ActivationMatrix
    /// (R, Q): the heads' outputs.
    let attention: ActivationMatrix
    /// (R, D): the stream between attention and the feed-forward part.
    let middle: ActivationMatrix
    /// (R, D): the middle after the feed-forward part's norm.
    let normedMiddle: ActivationMatrix
    /// (R, F): before its activation.
    let gate: ActivationMatrix
    /// (R, F)
    let up: ActivationMatrix
    /// (R, F): the activated gate times `up`.
    let gated: ActivationMatrix
    /// (R, D): the stream after the block.
    let output: ActivationMatrix

    /// Activations of a pass that goes forward only.
    init(stream: ActivationMatrix, _ configuration: DecoderConfiguration) {
        let gate = ActivationMatrix(width: configuration.sizes.feedForwardSize)
        self.init(
            input: stream, middle: stream, output: stream,
            normed: ActivationMatrix(width: stream.width), gate: gate, gated: gate, configuration)
    }

    /// Activations that are kept for the way back, with streams of their own.
    ///
    /// - Parameter scratch: lends what is cheap to compute again.
    init(
        input: ActivationMatrix, output: ActivationMatrix, scratch: BackwardScratch,
        _ configuration: DecoderConfiguration
    ) {
        self.init(
            input: input, middle: ActivationMatrix(width: input.width), output: output,
            normed: scratch.normed,
            gate: ActivationMatrix(width: configuration.sizes.feedForwardSize),
            gated: scratch.gated, configuration)
    }

    private init(
        input: ActivationMatrix, middle: ActivationMatrix, output: ActivationMatrix,
        normed: ActivationMatrix, gate: ActivationMatrix, gated: ActivationMatrix,
        _ configuration: DecoderConfiguration
    ) {
        self.input = input
        self.middle = middle
        self.output = output
        self.normed = normed
        normedMiddle = normed
        query = ActivationMatrix(width: configuration.queryWidth)
        key = ActivationMatrix(width: configuration.keyValueWidth)
        value = ActivationMatrix(width: configuration.keyValueWidth)
        attention = ActivationMatrix(width: configuration.queryWidth)
        self.gate = gate
        up = ActivationMatrix(width: configuration.sizes.feedForwardSize)
        self.gated = gated
    }

    /// The same memory for another block's streams.
    init(_ other: BlockActivations, input: ActivationMatrix, output: ActivationMatrix) {
        self.input = input
        self.output = output
        normed = other.normed
        query = other.query
        key = other.key
        value = other.value
        attention = other.attention
        middle = other.middle
        normedMiddle = other.normedMiddle
        gate = other.gate
        up = other.up
        gated = other.gated
    }

    /// Bytes a row takes in what a block keeps for itself.
    static func keptBytesPerRow(_ configuration: DecoderConfiguration) -> Int {
        let floats =
            configuration.sizes.hiddenSize + 2 * configuration.queryWidth
            + 2 * configuration.keyValueWidth + 2 * configuration.sizes.feedForwardSize
        return floats * MemoryLayout<Float>.stride
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        for matrix in [
            input, normed, query, key, value, attention, middle, normedMiddle, gate, up, gated,
            output,
        ] {
            matrix.reserve(rows)
        }
    }
}

/// Memory of a backward pass that every block uses anew.
///
/// Letters as in `BlockActivations`.
final class BackwardScratch {
    /// (R, D): a norm's output, computed again.
    let normed: ActivationMatrix
    /// (R, F): the gated activation, computed again.
    let gated: ActivationMatrix
    /// (R, D): the gradient of a norm's output.
    let normedGradient: ActivationMatrix
    /// (R, Q)
    let attentionGradient: ActivationMatrix
    /// (R, Q)
    let queryGradient: ActivationMatrix
    /// (R, K)
    let keyGradient: ActivationMatrix
    /// (R, K)
    let valueGradient: ActivationMatrix
    /// (R, F)
    let gateGradient: ActivationMatrix
    /// (R, F)
    let upGradient: ActivationMatrix

    init(_ configuration: DecoderConfiguration) {
        let sizes = configuration.sizes
        normed = ActivationMatrix(width: sizes.hiddenSize)
        gated = ActivationMatrix(width: sizes.feedForwardSize)
        normedGradient = ActivationMatrix(width: sizes.hiddenSize)
        attentionGradient = ActivationMatrix(width: configuration.queryWidth)
        queryGradient = ActivationMatrix(width: configuration.queryWidth)
        keyGradient = ActivationMatrix(width: configuration.keyValueWidth)
        valueGradient = ActivationMatrix(width: configuration.keyValueWidth)
        gateGradient = ActivationMatrix(width: sizes.feedForwardSize)
        upGradient = ActivationMatrix(width: sizes.feedForwardSize)
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        for matrix in [
            normed, gated, normedGradient, attentionGradient, queryGradient, keyGradient,
            valueGradient, gateGradient, upGradient,
        ] {
            matrix.reserve(rows)
        }
    }
}
