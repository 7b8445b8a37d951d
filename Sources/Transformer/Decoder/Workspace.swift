import Formats

/// The memory of a forward pass, reused from block to block and from pass to pass.
///
/// Letters: R rows of the chunk, D hidden size, V vocabulary.
final class Workspace {
    /// (R, D): the residual stream.
    let stream: ActivationMatrix
    /// The activations of blocks by their sizes, whose streams are all `stream`.
    private let ofSizes: [BlockActivations]
    let runner: BlockRunner
    /// (rows of a piece, D): the stream after the last norm.
    let normed: ActivationMatrix
    /// (rows of a piece, V)
    let logits: ActivationMatrix

    init(_ configuration: DecoderConfiguration, crew: WorkCrew) {
        stream = ActivationMatrix(width: configuration.sizes.hiddenSize)
        let stream = stream
        ofSizes = configuration.blockSizes.map {
            BlockActivations(stream: stream, configuration, $0)
        }
        runner = BlockRunner(configuration, crew: crew)
        normed = ActivationMatrix(width: stream.width)
        logits = ActivationMatrix(width: configuration.sizes.vocabularySize)
    }

    /// The activations of a block.
    func activations(of block: Int) -> BlockActivations {
        ofSizes[runner.configuration.sizeIndices[block]]
    }

    /// Makes room for a chunk of this many rows; logits get room of their own when they are wanted.
    func reserve(rows: Int) {
        for memory in ofSizes { memory.reserve(rows: rows, for: runner.configuration.mixers) }
        runner.reserve(rows: rows)
    }
}
