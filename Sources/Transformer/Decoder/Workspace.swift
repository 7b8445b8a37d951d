import Formats

/// The activations of one chunk, reused from block to block and from pass to pass.
///
/// Letters: R rows of the chunk, D hidden size, Q width of all query heads, K width of all key heads,
/// F feed-forward size, P rotated pairs, V vocabulary.
final class Workspace {
    /// (R, D): the residual stream.
    let stream: ActivationMatrix
    /// (R, D): the stream after a norm.
    let normed: ActivationMatrix
    /// (R, D): what a sub-layer adds to the stream.
    let update: ActivationMatrix
    /// (R, Q)
    let query: ActivationMatrix
    /// (R, K)
    let key: ActivationMatrix
    /// (R, K)
    let value: ActivationMatrix
    /// (R, Q): the heads' outputs.
    let attention: ActivationMatrix
    /// (R, F)
    let gate: ActivationMatrix
    /// (R, F)
    let up: ActivationMatrix
    /// (R, P)
    let cosine: ActivationMatrix
    /// (R, P)
    let sine: ActivationMatrix
    /// (rows of a piece, V)
    let logits: ActivationMatrix

    init(_ configuration: DecoderConfiguration) {
        let sizes = configuration.sizes
        stream = ActivationMatrix(width: sizes.hiddenSize)
        normed = ActivationMatrix(width: sizes.hiddenSize)
        update = ActivationMatrix(width: sizes.hiddenSize)
        query = ActivationMatrix(width: configuration.queryWidth)
        key = ActivationMatrix(width: configuration.keyValueWidth)
        value = ActivationMatrix(width: configuration.keyValueWidth)
        attention = ActivationMatrix(width: configuration.queryWidth)
        gate = ActivationMatrix(width: sizes.feedForwardSize)
        up = ActivationMatrix(width: sizes.feedForwardSize)
        cosine = ActivationMatrix(width: sizes.rope.dimensions / 2)
        sine = ActivationMatrix(width: sizes.rope.dimensions / 2)
        logits = ActivationMatrix(width: sizes.vocabularySize)
    }

    /// Makes room for a chunk of this many rows; logits get room of their own when they are wanted.
    func reserve(rows: Int) {
        for matrix in [
            stream, normed, update, query, key, value, attention, gate, up, cosine, sine,
        ] {
            matrix.reserve(rows)
        }
    }
}
