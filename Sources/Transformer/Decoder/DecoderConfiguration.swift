package import Formats

/// Everything that sets the decoder's behaviour, apart from the weights.
///
/// There is one decoder for all families: what differs between them is a value here, never a class. Which
/// projections have a bias is not stated: a bias is used where the checkpoint has one.
package struct DecoderConfiguration: Sendable, Hashable {
    /// Sizes, norm epsilon, rotary parameters, tied head.
    package let sizes: Hyperparameters
    /// Which dimensions of a head are rotated together; it follows the file format, see `StorageForm`.
    package let ropePairing: RopePairing
    package let norm: Architecture.Norm
    package let positions: Architecture.Positions
    /// The weights that blocks have, those of all kinds of blocks together.
    package let slots: Set<BlockSlot>
    private let slotsOfBlocks: [Set<BlockSlot>]
    /// What mixes tokens in the blocks, each once.
    let mixers: Set<BlockKind.Mixer>
    /// How the rows of a matrix for queries, keys and values are ordered.
    package let headLayout: FusedLayout
    /// Which heads of a gated delta net's values share a key; it follows the file format, see `StorageForm`.
    private let valueSharing: DeltaRuleShape.Sharing
    /// What is added to the sum of squares of a gated delta net's queries and keys: in folders a number of the class, in GGUF
    /// files that of the norms.
    let unitEpsilon: Float
    /// The rotary embeddings of the blocks, each once.
    let ropes: [RopeParameters]
    /// Whether values are normed head by head, without a weight.
    let normsValues: Bool
    /// The blocks whose keys and values later blocks read.
    let keySources: Set<Int>
    /// For each block, which of them its queries and keys are turned by; nil where by none.
    let ropeIndices: [Int?]

    /// The weights that the block with this 0-based index has.
    package func slots(ofBlock block: Int) -> Set<BlockSlot> { slotsOfBlocks[block] }

    /// The sizes of blocks, each combination once: blocks that have the same share memory.
    let blockSizes: [BlockSizes]
    /// For each block, which of them it has.
    let sizeIndices: [Int]

    /// The sizes of the block with this 0-based index.
    package func sizes(ofBlock block: Int) -> BlockSizes { blockSizes[sizeIndices[block]] }

    /// Width of a dense feed-forward part; 1 where experts stand in the place of all, which bring their own.
    func innerWidth(_ block: BlockSizes) -> Int { sizes.hasDenseBlocks ? block.feedForwardSize : 1 }

    /// The sizes of the gated delta nets.
    ///
    /// - Precondition: the model has some.
    package var deltaRule: DeltaRuleShape {
        let net =
            sizes.deltaNet
            ?? DeltaNetSizes(keyHeads: 1, valueHeads: 1, keySize: 1, valueSize: 1, taps: 1)
        return DeltaRuleShape(
            keyHeads: net.keyHeads, valueHeads: net.valueHeads, keySize: net.keySize,
            valueSize: net.valueSize, sharing: valueSharing)
    }

    /// Which rows of a block's fused projection belong to one of its parts; nil where the place holds one projection.
    package func rows(
        of part: BlockSlot, in slot: BlockSlot, ofBlock block: Int
    ) -> [Range<Int>]? {
        guard slot.parts.count > 1, let index = slot.parts.firstIndex(of: part) else { return nil }
        let own = sizes(ofBlock: block)
        let ofExpert = sizes.experts?.feedForwardSize ?? 0
        return switch slot {
        case .attentionQueryKeyValue:
            headLayout.rows(
                ofPart: index, widths: [own.queryWidth, own.keyValueWidth, own.keyValueWidth])
        case .deltaQueryKeyValueGate:
            FusedLayout.headwise(heads: deltaRule.keyHeads).rows(
                ofPart: index, widths: [sizes.deltaNet?.width ?? 0, deltaRule.valueWidth])
        case .deltaStrengthDecay:
            FusedLayout.headwise(heads: deltaRule.keyHeads).rows(
                ofPart: index, widths: [deltaRule.valueHeads, deltaRule.valueHeads])
        case .expertGateUp, .expertGateUpByTurns:
            fusedExperts?.rows(ofPart: index, widths: [ofExpert, ofExpert])
        default:
            FusedLayout.stacked.rows(
                ofPart: index, widths: [innerWidth(own), innerWidth(own)])
        }
    }

    /// Where experts' gates and ups are one matrix, how its rows lie; nil where they are two.
    var fusedExperts: FusedLayout? {
        if slots.contains(.expertGateUp) { return .stacked }
        guard slots.contains(.expertGateUpByTurns) else { return nil }
        return .headwise(heads: sizes.experts?.feedForwardSize ?? 0)
    }

    /// The block whose keys and values a block of attention reads: itself, or an earlier one.
    func keySource(ofBlock block: Int) -> Int { sizes.kind(ofBlock: block).keySource ?? block }

    /// The last block that a pass may start at: those behind it read keys and values of a block before them.
    package var lastStart: Int { keySources.min() ?? sizes.blockCount - 1 }

    /// How many positions a sequence may take.
    ///
    /// Dynamic rotary scaling is made to go past the context length, by its factor.
    package var positionLimit: Int {
        guard case .dynamic(let factor, let originalContext) = sizes.rope.scaling else {
            return sizes.contextLength
        }
        let stretched = min(Double(originalContext) * factor, Double(Int32.max))
        return max(sizes.contextLength, Int(stretched))
    }

    /// Whether a text that is continued to so many positions must be run anew from its start, because what was cached of it
    /// was turned otherwise: a long rope takes its other factors for all positions of a text beyond the original context.
    ///
    /// transformers does so too when it generates. Keys under dynamic scaling keep the rotation they had, here and there.
    package func outgrowsCache(of cached: Int, at positions: Int) -> Bool {
        guard case .longrope(_, _, let context, _) = sizes.rope.scaling else { return false }
        return cached > 0 && cached <= context && positions > context
    }

    /// - Parameters:
    ///   - sizes: numbers as `Checkpoint.hyperparameters()` checks them.
    ///   - architecture: the family, which says what a block is made of.
    ///   - format: the file format, in whose order the rows of queries and keys are.
    ///   - file: the model's path, for errors.
    /// - Throws: `DecoderError.badRotary` for rotary parameters that give no frequencies.
    package init(
        _ sizes: Hyperparameters, architecture: Architecture, format: FileFormat,
        file: String
    ) throws(DecoderError) {
        self.sizes = sizes
        func form(_ slot: BlockSlot, _ format: FileFormat) -> StorageForm {
            architecture.form(of: .block(0, slot), in: format, sizes)
        }
        // Hugging Face pairs the halves of most heads; llama.cpp has all queries, all keys and all values together.
        ropePairing =
            if architecture.pairsNeighbours {
                .interleaved
            } else if case .splittingHeads = form(.attentionQuery, format).rows {
                .interleaved
            } else {
                .halves
            }
        norm = architecture.norm
        positions = architecture.positions
        normsValues = architecture.normsValues
        keySources = Set(sizes.blockKinds.compactMap(\.keySource))
        slots = architecture.slots(in: format)
        mixers = sizes.mixers
        slotsOfBlocks = (0..<sizes.blockCount).map {
            architecture.slots(in: format, ofBlock: $0, sizes)
        }
        (blockSizes, sizeIndices) = Self.distinct(
            (0..<sizes.blockCount).map(sizes.sizes(ofBlock:)))
        let stacking = form(.attentionQueryKeyValue, format)
            .change(to: form(.attentionQueryKeyValue, .gguf))
        headLayout =
            if case .gatheringParts(let heads, _) = stacking.rows { .headwise(heads: heads) } else {
                .stacked
            }
        valueSharing =
            if case .exchangingHeads = form(.deltaGate, format).rows { .rests } else { .neighbours }
        unitEpsilon = format == .gguf ? sizes.normEpsilon : 1e-6
        let ofBlocks = (0..<sizes.blockCount).map { block in
            architecture.positions == .rotary ? sizes.rope(ofBlock: block) : nil
        }
        var found: [RopeParameters] = []
        ropeIndices = ofBlocks.map { rope in
            guard let rope else { return nil }
            if let index = found.firstIndex(of: rope) { return index }
            found.append(rope)
            return found.count - 1
        }
        ropes = found
        for rope in ropes {
            if let fact = Self.problem(of: rope) { throw .badRotary(file: file, fact: fact) }
        }
    }

    /// Each value once, in the order in which they come, and which of them stands at each place.
    private static func distinct<Value: Equatable>(
        _ values: [Value]
    ) -> (values: [Value], indices: [Int]) {
        var found: [Value] = []
        let indices = values.map { value in
            if let index = found.firstIndex(of: value) { return index }
            found.append(value)
            return found.count - 1
        }
        return (found, indices)
    }

    /// A block's heads: what their scores are multiplied by, their cap, and how far back they see.
    package func attention(ofBlock block: Int) -> AttentionShape {
        let own = sizes(ofBlock: block)
        let scale = sizes.attentionScale ?? 1 / Double(own.headSize).squareRoot()
        var shape = AttentionShape(
            heads: own.headCount, keyValueHeads: own.keyValueHeadCount, headSize: own.headSize,
            scale: Float(scale))
        shape.window = sizes.kind(ofBlock: block).window
        shape.scoreCap = sizes.scoreCap.map(Float.init)
        return shape
    }

    /// The configuration of a checkpoint.
    ///
    /// - Throws: `DecoderError.badRotary`, and what reading the architecture and hyperparameters throws.
    package init(_ checkpoint: Checkpoint) throws {
        try checkpoint.requireValues()
        let architecture = try checkpoint.requireArchitecture()
        try self.init(
            checkpoint.hyperparameters(), architecture: architecture, format: checkpoint.format,
            file: checkpoint.path)
    }

    /// What keeps these parameters from giving one finite frequency for every pair, or nil.
    private static func problem(of rope: RopeParameters) -> String? {
        guard rope.base > 1 else { return "the base \(rope.base) is not above 1" }
        switch rope.scaling {
        case .dynamic(let factor, _) where factor < 1:
            return "the dynamic scaling factor \(factor) is below 1"
        case .dynamic where rope.dimensions <= 2:
            return "dynamic scaling needs more than \(rope.dimensions) rotary dimensions"
        case .divisors(let divisors) where divisors.count != rope.dimensions / 2:
            return
                "there are \(divisors.count) divisors for \(rope.dimensions / 2) pairs of dimensions"
        case .longrope(let short, let long, _, _)
        where [short.count, long.count] != [rope.dimensions / 2, rope.dimensions / 2]:
            return
                "there are \(short.count) and \(long.count) factors for \(rope.dimensions / 2) pairs of dimensions"
        default:
            return nil
        }
    }
}
