import Formats

/// The memory of a forward pass, reused from block to block and from pass to pass.
///
/// Letters: R rows of the chunk, D hidden size, V vocabulary.
final class Workspace {
    /// (R, D): the residual stream.
    let stream: ActivationMatrix
    /// Every block's activations, whose streams are all `stream`.
    let block: BlockActivations
    let runner: BlockRunner
    /// (rows of a piece, D): the stream after the last norm.
    let normed: ActivationMatrix
    /// (rows of a piece, V)
    let logits: ActivationMatrix

    init(_ configuration: DecoderConfiguration, crew: WorkCrew) {
        stream = ActivationMatrix(width: configuration.sizes.hiddenSize)
        block = BlockActivations(stream: stream, configuration)
        runner = BlockRunner(configuration, crew: crew)
        normed = block.normed
        logits = ActivationMatrix(width: configuration.sizes.vocabularySize)
    }

    /// Makes room for a chunk of this many rows; logits get room of their own when they are wanted.
    func reserve(rows: Int) {
        block.reserve(rows: rows, for: runner.configuration.mixers)
        runner.reserve(rows: rows)
    }
}
