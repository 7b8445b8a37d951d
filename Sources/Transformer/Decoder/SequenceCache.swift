import Formats

/// What the blocks remember of one sequence, so that a pass need only compute the tokens that are new: keys and values
/// where attention mixes its tokens, what a short convolution reads, states where a gated delta net does.
///
/// Memory grows by doubling, see `bytesPerPosition`. States are kept for two places of the text: where the pass that is under
/// way, or was the last, began, and where its last chunk ended. The cache can be taken back to those and to the start, to no
/// other.
package final class SequenceCache {
    /// What one block remembers.
    private enum BlockMemory {
        /// f32, each (positions, key/value heads · head size)
        case keysAndValues(ActivationMatrix, ActivationMatrix)
        /// f32, (positions, channels). All positions, so that the cache can be taken back to any.
        case inputs(ActivationMatrix)
        case states(RecurrentMemory)
        /// Nothing: it reads what the block of this number remembers.
        case ofBlock(Int)

        /// Those that have a row for each position.
        var matrices: [ActivationMatrix] {
            switch self {
            case .keysAndValues(let keys, let values): [keys, values]
            case .inputs(let inputs): [inputs]
            case .states, .ofBlock: []
            }
        }

        var recurrent: RecurrentMemory? {
            if case .states(let memory) = self { memory } else { nil }
        }
    }

    /// How many positions are held.
    package private(set) var length = 0
    private let blocks: [BlockMemory]
    /// How many positions the two states that recurrent blocks keep were made of; nil for states of no text.
    private var statePlaces: [Int?] = [nil, nil]
    /// Where the pass that is under way began.
    private var passStart = 0

    /// Positions reserved at first.
    private static let smallestCapacity = 64

    /// An empty cache for a model of these sizes; it takes no memory yet.
    package init(_ configuration: DecoderConfiguration) {
        blocks = (0..<configuration.sizes.blockCount).map { block in
            switch configuration.sizes.kind(ofBlock: block).mixer {
            case .attention:
                if let source = configuration.sizes.kind(ofBlock: block).keySource {
                    return .ofBlock(source)
                }
                let width = configuration.sizes(ofBlock: block).keyValueWidth
                return .keysAndValues(
                    ActivationMatrix(width: width), ActivationMatrix(width: width))
            case .shortConvolution:
                return .inputs(ActivationMatrix(width: configuration.sizes.hiddenSize))
            case .deltaNet: return .states(RecurrentMemory(configuration))
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

    private var recurrent: [RecurrentMemory] { blocks.compactMap(\.recurrent) }

    /// How many positions fit before memory grows.
    package var capacity: Int { matrices.map(\.capacity).min() ?? 0 }

    /// The memory taken, in bytes.
    package var byteCount: Int {
        (matrices + recurrent.flatMap(\.matrices)).reduce(0) { $0 + $1.byteCount }
    }

    /// Whether the cache is as one that is made for the model.
    func fits(_ configuration: DecoderConfiguration) -> Bool {
        widths == SequenceCache(configuration).widths
    }

    private var widths: [Int] { (matrices + recurrent.flatMap(\.matrices)).map(\.width) }

    /// Forgets all positions from this one on; does nothing where fewer are held.
    ///
    /// - Returns: how many positions are held then: fewer than asked for where a block's memory cannot be taken back to that
    ///   position. The caller runs those that are missing once more.
    @discardableResult
    package func truncate(to length: Int) -> Int {
        self.length = min(self.length, max(length, 0))
        guard !recurrent.isEmpty else { return self.length }
        if !statePlaces.contains(self.length) { self.length = 0 }
        for index in statePlaces.indices where statePlaces[index] ?? 0 > self.length {
            statePlaces[index] = nil
        }
        return self.length
    }

    /// Makes room for this many positions in all, for a pass that goes on from those that are held.
    func reserve(_ positions: Int) {
        passStart = length
        for memory in recurrent { memory.reserve() }
        guard positions > capacity else { return }
        let grown = max(positions, 2 * capacity, Self.smallestCapacity)
        for matrix in matrices { matrix.reserve(grown, keeping: length) }
    }

    /// Counts positions whose keys and values have been written for every block.
    func advance(by positions: Int) {
        let place = placeAfter(length)
        length += positions
        statePlaces[place] = length
    }

    // MARK: - States

    /// Which of the two holds the states after this many positions; nil at the start of a text.
    private func place(of position: Int) -> Int? {
        position > 0 ? statePlaces.firstIndex(of: position) : nil
    }

    /// Which of the two gets the states after rows that begin at this position: not the one that the pass began with.
    private func placeAfter(_ position: Int) -> Int {
        guard let own = place(of: position) else { return 0 }
        return position == passStart ? 1 - own : own
    }

    /// A block's states before rows that begin at a position, nil for zeros, and where those after them go.
    ///
    /// - Precondition: room was reserved, the block goes on from states, and the position is where the text ends.
    func states(
        ofBlock block: Int, at position: Int
    ) -> (before: UnsafeMutablePointer<Float>?, after: UnsafeMutablePointer<Float>) {
        let memory = recurrentMemory(ofBlock: block)
        precondition(position == 0 || place(of: position) != nil)
        return (
            place(of: position).map { memory.states[$0].row(0) },
            memory.states[placeAfter(position)].row(0)
        )
    }

    /// Copies what a block's convolution sees of the positions before one.
    ///
    /// - Returns: how many rows that is.
    func copyHistory(
        ofBlock block: Int, at position: Int, to rows: UnsafeMutablePointer<Float>
    ) -> Int {
        let memory = recurrentMemory(ofBlock: block)
        let count = min(position, memory.reach)
        guard count > 0, let place = place(of: position) else { return 0 }
        rows.update(
            from: memory.history[place].row(0), count: count * memory.history[place].width)
        return count
    }

    /// Keeps the last of so many rows, which a block's convolution will see after those that begin at a position.
    func keepHistory(
        ofBlock block: Int, at position: Int, _ inputs: ActivationMatrix, rows: Int
    ) {
        let memory = recurrentMemory(ofBlock: block)
        let count = min(rows, memory.reach)
        guard count > 0 else { return }
        memory.history[placeAfter(position)].row(0).update(
            from: inputs.row(rows - count), count: count * inputs.width)
    }

    private func recurrentMemory(ofBlock block: Int) -> RecurrentMemory {
        guard let memory = blocks[block].recurrent else {
            preconditionFailure("block \(block) has no states")
        }
        return memory
    }

    // MARK: - Keys and values

    /// Writes the keys and values of some positions, each (count, width), to one block.
    ///
    /// - Returns: the block's keys and values of all positions, each (capacity, width).
    /// - Precondition: room for the positions was reserved, and the block is one of attention.
    func write(
        keys: UnsafePointer<Float>, values: UnsafePointer<Float>, at position: Int, count: Int,
        block: Int
    ) -> (keys: UnsafePointer<Float>, values: UnsafePointer<Float>) {
        let (ownKeys, ownValues) = keysAndValues(ofBlock: block)
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

    /// A block's keys and values of all positions, each (capacity, width).
    ///
    /// - Precondition: room was reserved, and the block is one of attention with keys of its own.
    func read(block: Int) -> (keys: UnsafePointer<Float>, values: UnsafePointer<Float>) {
        let (keys, values) = keysAndValues(ofBlock: block)
        return (UnsafePointer(keys.row(0)), UnsafePointer(values.row(0)))
    }

    private func keysAndValues(ofBlock block: Int) -> (ActivationMatrix, ActivationMatrix) {
        guard case .keysAndValues(let keys, let values) = blocks[block] else {
            preconditionFailure("block \(block) has no keys")
        }
        return (keys, values)
    }
}
