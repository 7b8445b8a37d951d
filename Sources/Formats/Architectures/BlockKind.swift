/// What a block is where the blocks of a model are not all alike: an entry of its table of blocks.
package struct BlockKind: Sendable, Hashable {
    /// How many positions a token sees, itself included; nil where it sees all before it.
    package var window: Int?
    package var rotation: Rotation
    package var mixer: Mixer
    /// The width of its attention heads; nil for the model's, as for the sizes below.
    package var headSize: Int?
    package var keyValueHeadCount: Int?
    package var feedForwardSize: Int?
    /// Whether the feed-forward part is none of experts in a model that has some.
    package var isDense = false
    /// Whether its values are its keys before their norm and rotation, so that it has no weights for them.
    package var valuesAreKeys = false
    /// The earlier block whose keys and values it reads; nil where it makes its own.
    package var keySource: Int?

    /// What lets the tokens of a text see each other.
    package enum Mixer: Sendable, Hashable, CaseIterable, CustomStringConvertible {
        case attention
        /// A gated causal convolution of a few positions (LFM 2).
        case shortConvolution
        /// A gated delta net after a causal convolution of a few positions (Qwen 3.5).
        case deltaNet

        /// The projection whose output joins the stream.
        package var output: BlockSlot {
            switch self {
            case .attention: .attentionOutput
            case .shortConvolution: .convolutionOutput
            case .deltaNet: .deltaOutput
            }
        }

        package var description: String {
            switch self {
            case .attention: "attention"
            case .shortConvolution: "short convolution"
            case .deltaNet: "gated delta net"
            }
        }
    }

    /// By what queries and keys are turned.
    package enum Rotation: Sendable, Hashable {
        case none
        /// The model's rotary embedding.
        case model
        /// A rotary embedding of the block's own.
        case own(RopeParameters)
    }

    package init(
        window: Int? = nil, rotation: Rotation = .model, mixer: Mixer = .attention
    ) {
        self.window = window
        self.rotation = rotation
        self.mixer = mixer
    }

    /// A block of attention that sees all positions and is rotated as the model is.
    package static let plain = BlockKind()
}

extension Hyperparameters {
    /// The most blocks that a table is made for; what has more is a mistake or an attack.
    static let largestTable = 1 << 16

    /// What the block with this 0-based index is.
    package func kind(ofBlock index: Int) -> BlockKind {
        blockKinds.indices.contains(index) ? blockKinds[index] : .plain
    }

    /// What mixes tokens in the blocks, each once.
    package var mixers: Set<BlockKind.Mixer> {
        Set((0..<blockCount).map { kind(ofBlock: $0).mixer })
    }

    /// The rotary embedding of the block with this 0-based index; nil where it has none.
    package func rope(ofBlock index: Int) -> RopeParameters? {
        switch kind(ofBlock: index).rotation {
        case .none: nil
        case .model: rope
        case .own(let rope): rope
        }
    }

    /// The shortest window of a block; nil where all blocks see all positions.
    package var shortestWindow: Int? { blockKinds.compactMap(\.window).min() }

    /// Whether a block's window or rotation shows in a text as long as the context.
    package var hasUnlikeBlocks: Bool {
        blockKinds.contains { $0.rotation != .model || $0.window ?? .max < contextLength }
    }

    /// Whether each block has a window.
    var windowed: [Bool] { (0..<blockCount).map { kind(ofBlock: $0).window != nil } }

    /// Fills in the table of blocks. A table of plain blocks is none.
    ///
    /// - Throws: `CheckpointError.outOfRange` where there are too many blocks for a table, and what the change throws.
    mutating func changeKinds(
        _ keys: any NumberKeys, _ change: (Int, inout BlockKind) throws -> Void
    ) throws {
        try keys.require(blockCount, in: Self.largestTable, "number of blocks")
        var kinds = (0..<blockCount).map(kind(ofBlock:))
        for block in kinds.indices { try change(block, &kinds[block]) }
        blockKinds = kinds.allSatisfy { $0 == .plain } ? [] : kinds
    }

    // MARK: - In words

    /// The windows, unless they are longer than any sequence.
    var windowText: String {
        let sizes = Set(blockKinds.compactMap(\.window)).sorted()
        guard !sizes.isEmpty, hasUnlikeBlocks else { return "none" }
        return sizes.map { size in
            "\(size)\(Self.place(of: blockKinds.map { $0.window == size }, of: blockCount))"
        }.joined(separator: ", ")
    }

    /// The rotary embeddings that are not the model's.
    var ownRopeText: String {
        var texts: [String] = []
        for case .own(let rope) in blockKinds.map(\.rotation) {
            let scaling = rope.scaling == .none ? "" : ", \(rope.scalingText)"
            let text = ModelNumber.text(rope.base) + scaling
            if !texts.contains(text) { texts.append(text) }
        }
        return texts.isEmpty ? "none" : texts.joined(separator: "; ")
    }

    /// Which blocks are not rotated.
    var unrotatedText: String {
        let unrotated = blockKinds.map { $0.rotation == .none }
        guard unrotated.contains(true) else { return "none" }
        let place = Self.place(of: unrotated, of: blockCount)
        return place.isEmpty ? "all" : String(place.dropFirst(" in ".count))
    }

    /// How long short convolutions are, and which blocks have them.
    var shortConvolutionText: String {
        let flags = blockKinds.map { $0.mixer == .shortConvolution }
        guard flags.contains(true) else { return "none" }
        return "\(convolutionLength ?? 0) positions" + Self.place(of: flags, of: blockCount)
    }

    /// Where blocks of one kind stand: nothing for all, a rule where all but every few are of it, or only every few, else
    /// their numbers.
    static func place(of flags: [Bool], of count: Int) -> String {
        guard flags.count < count || flags.contains(false) else { return "" }
        let full = flags + [Bool](repeating: false, count: max(0, count - flags.count))
        if let every = period(of: full.map { !$0 }) {
            return " in \(every - 1) of \(every) blocks"
        }
        if let every = period(of: full) { return " in 1 of \(every) blocks" }
        let numbers = full.indices.filter { full[$0] }
        return " in blocks \(numbers.map(String.init).joined(separator: " "))"
    }

    /// The number of which every block is flagged, counted from 1, and no other; nil where there is none.
    private static func period(of flags: [Bool]) -> Int? {
        guard let first = flags.firstIndex(of: true), first > 0 else { return nil }
        let every = first + 1
        return flags.indices.allSatisfy { flags[$0] == (($0 + 1) % every == 0) } ? every : nil
    }
}
