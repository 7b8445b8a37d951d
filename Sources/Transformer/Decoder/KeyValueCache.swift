import Formats

/// The keys and values of one sequence, so that a pass need only compute the tokens that are new.
///
/// Each block holds f32 keys and values of shape (positions, key/value heads, head size). Memory grows by
/// doubling: 2 · blocks · capacity · width · 4 bytes.
package final class KeyValueCache {
    /// How many blocks are cached.
    package let blockCount: Int
    /// Width of all key (or value) heads together.
    package let width: Int
    /// How many positions are held.
    package private(set) var length = 0
    private let keys: [ActivationMatrix]
    private let values: [ActivationMatrix]

    /// Positions reserved at first.
    private static let smallestCapacity = 64

    /// An empty cache for a model of these sizes; it takes no memory yet.
    package init(_ configuration: DecoderConfiguration) {
        let (blocks, width) = (configuration.sizes.blockCount, configuration.keyValueWidth)
        blockCount = blocks
        self.width = width
        keys = (0..<blocks).map { _ in ActivationMatrix(width: width) }
        values = (0..<blocks).map { _ in ActivationMatrix(width: width) }
    }

    /// How many positions fit before memory grows.
    package var capacity: Int { keys.first?.capacity ?? 0 }

    /// The memory taken, in bytes.
    package var byteCount: Int {
        keys.reduce(0) { $0 + $1.byteCount } + values.reduce(0) { $0 + $1.byteCount }
    }

    /// Forgets all positions from this one on; does nothing where fewer are held.
    package func truncate(to length: Int) {
        self.length = min(self.length, max(length, 0))
    }

    /// Makes room for this many positions in all.
    func reserve(_ positions: Int) {
        guard positions > capacity else { return }
        let grown = max(positions, 2 * capacity, Self.smallestCapacity)
        for matrix in keys + values {
            matrix.reserve(grown, keeping: length)
        }
    }

    /// Counts positions whose keys and values have been written for every block.
    func advance(by positions: Int) {
        length += positions
    }

    /// Writes the keys and values of some positions, each (count, width), to one block.
    ///
    /// - Precondition: room for the positions was reserved.
    func write(
        _ keys: UnsafePointer<Float>, _ values: UnsafePointer<Float>, at position: Int, count: Int,
        block: Int
    ) {
        precondition(position + count <= capacity)
        self.keys[block].row(position).update(from: keys, count: count * width)
        self.values[block].row(position).update(from: values, count: count * width)
    }

    /// The block's keys: (capacity, width).
    ///
    /// - Precondition: room was reserved.
    func keys(block: Int) -> UnsafeMutablePointer<Float> { keys[block].row(0) }

    /// The block's values: (capacity, width).
    ///
    /// - Precondition: room was reserved.
    func values(block: Int) -> UnsafeMutablePointer<Float> { values[block].row(0) }
}
