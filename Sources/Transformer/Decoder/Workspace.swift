import Formats

/// The memory of a forward pass, reused from block to block and from pass to pass.
///
/// Letters: R rows of the chunk, D hidden size, V vocabulary.
final class Workspace {
    /// (R, D): the residual stream.
    let stream: ActivationMatrix
    /// The activations of blocks by their sizes, whose streams are all `stream`.
    private let ofSizes: [BlockActivations]
    /// Keys and values that outlive their block.
    private let shared: [Int: KeyValueRows]
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
        shared = KeyValueRows.ofSources(configuration)
        runner = BlockRunner(configuration, crew: crew)
        normed = ActivationMatrix(width: stream.width)
        logits = ActivationMatrix(width: configuration.sizes.vocabularySize)
    }

    /// The activations of a block.
    func activations(of block: Int) -> BlockActivations {
        let configuration = runner.configuration
        let memory = ofSizes[configuration.sizeIndices[block]]
        guard let shared = shared[configuration.keySource(ofBlock: block)] else { return memory }
        return BlockActivations(
            memory, input: memory.input, output: memory.output, shared: shared)
    }

    /// Makes room for a chunk of this many rows; logits get room of their own when they are wanted.
    func reserve(rows: Int) {
        for memory in ofSizes { memory.reserve(rows: rows, for: runner.configuration.mixers) }
        for rowsOfSource in shared.values {
            for matrix in [rowsOfSource.key, rowsOfSource.value] { matrix.reserve(rows) }
        }
        runner.reserve(rows: rows)
    }
}
