import Formats

/// What the blocks remember of one sequence, so that a pass need only compute the tokens that are new: keys and values
/// where attention mixes its tokens, what a short convolution reads.
///
/// Memory grows by doubling, see `bytesPerPosition`.
package final class SequenceCache {
    /// What one block remembers.
    private enum BlockMemory {
        /// f32, each (positions, key/value heads · head size)
        case keysAndValues(ActivationMatrix, ActivationMatrix)
        /// f32, (positions, channels). All positions, so that the cache can be taken back to any.
        case inputs(ActivationMatrix)

        var matrices: [ActivationMatrix] {
            switch self {
            case .keysAndValues(let keys, let values): [keys, values]
            case .inputs(let inputs): [inputs]
            }
        }
    }

    /// How many positions are held.
    package private(set) var length = 0
    private let blocks: [BlockMemory]

    /// Positions reserved at first.
    private static let smallestCapacity = 64

    /// An empty cache for a model of these sizes; it takes no memory yet.
    package init(_ configuration: DecoderConfiguration) {
        blocks = (0..<configuration.sizes.blockCount).map { block in
            switch configuration.sizes.kind(ofBlock: block).mixer {
            case .attention:
                let width = configuration.sizes(ofBlock: block).keyValueWidth
                return .keysAndValues(
                    ActivationMatrix(width: width), ActivationMatrix(width: width))
            case .shortConvolution:
                return .inputs(ActivationMatrix(width: configuration.sizes.hiddenSize))
            }
        }
    }

    /// How many blocks are cached.
    package var blockCount: Int { blocks.count }

    /// What a position takes in all blocks.
    package var bytesPerPosition: Int {
        matrices.reduce(0) { $0 + $1.width } * MemoryLayout<Float>.stride
    }

    private var matrices: [ActivationMatrix] { blocks.flatMap(\.matrices) }

    /// How many positions fit before memory grows.
    package var capacity: Int { matrices.map(\.capacity).min() ?? 0 }

    /// The memory taken, in bytes.
    package var byteCount: Int { matrices.reduce(0) { $0 + $1.byteCount } }

    /// Whether the cache is as one that is made for the model.
    func fits(_ configuration: DecoderConfiguration) -> Bool {
        matrices.map(\.width) == SequenceCache(configuration).matrices.map(\.width)
    }

    /// Forgets all positions from this one on; does nothing where fewer are held.
    ///
    /// - Returns: how many positions are held then: fewer than asked for where a block's memory cannot be taken back to that
    ///   position. The caller runs those that are missing once more.
    @discardableResult
    package func truncate(to length: Int) -> Int {
        self.length = min(self.length, max(length, 0))
        return self.length
    }

    /// Makes room for this many positions in all.
    func reserve(_ positions: Int) {
        guard positions > capacity else { return }
        let grown = max(positions, 2 * capacity, Self.smallestCapacity)
        for matrix in matrices { matrix.reserve(grown, keeping: length) }
    }

    /// Counts positions whose keys and values have been written for every block.
    func advance(by positions: Int) {
        length += positions
    }

    /// Writes the keys and values of some positions, each (count, width), to one block.
    ///
    /// - Returns: the block's keys and values of all positions, each (capacity, width).
    /// - Precondition: room for the positions was reserved, and the block is one of attention.
    func write(
        keys: UnsafePointer<Float>, values: UnsafePointer<Float>, at position: Int, count: Int,
        block: Int
    ) -> (keys: UnsafePointer<Float>, values: UnsafePointer<Float>) {
        guard case .keysAndValues(let ownKeys, let ownValues) = blocks[block] else {
            preconditionFailure("block \(block) has no keys")
        }
        precondition(position + count <= ownKeys.capacity)
        ownKeys.row(position).update(from: keys, count: count * ownKeys.width)
        ownValues.row(position).update(from: values, count: count * ownValues.width)
        return (UnsafePointer(ownKeys.row(0)), UnsafePointer(ownValues.row(0)))
    }

    /// Writes what a block's convolution reads at some positions, (count, channels).
    ///
    /// - Returns: what it reads at all positions, (capacity, channels).
    /// - Precondition: room for the positions was reserved, and the block is one of a short convolution.
    func write(
        inputs: UnsafePointer<Float>, at position: Int, count: Int, block: Int
    ) -> UnsafePointer<Float> {
        guard case .inputs(let own) = blocks[block] else {
            preconditionFailure("block \(block) has no convolution")
        }
        precondition(position + count <= own.capacity)
        own.row(position).update(from: inputs, count: count * own.width)
        return UnsafePointer(own.row(0))
    }
}
