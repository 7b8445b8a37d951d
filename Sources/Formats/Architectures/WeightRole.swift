/// What a weight is for, whatever a file calls it. The one vocabulary of weights.
public struct WeightRole: Hashable, Sendable, CustomStringConvertible {
    /// Where in the model the weight stands.
    public enum Slot: Hashable, Sendable {
        case tokenEmbedding
        case outputNorm
        /// The head that turns the last hidden state into logits; absent where it is tied to the embedding.
        case output
        /// Per-dimension divisors of the rotary frequencies (Llama 3's scaling as llama.cpp stores it).
        case ropeFrequencies
        /// A weight of the block with this 0-based index.
        case block(Int, BlockSlot)
    }

    public enum Part: String, Hashable, Sendable {
        case weight, bias
    }

    public let slot: Slot
    public let part: Part

    public init(_ slot: Slot, _ part: Part = .weight) {
        self.slot = slot
        self.part = part
    }

    /// A weight of a block.
    public static func block(_ index: Int, _ slot: BlockSlot, _ part: Part = .weight) -> WeightRole
    {
        WeightRole(.block(index, slot), part)
    }

    /// The block the weight belongs to, or nil.
    public var block: Int? { if case .block(let index, _) = slot { index } else { nil } }

    public var description: String {
        let place =
            switch slot {
            case .block(let index, let slot): "block \(index) \(slot.rawValue)"
            default: "\(slot)"
            }
        return "\(place) \(part.rawValue)"
    }
}

/// A place for a weight inside a block.
public enum BlockSlot: String, Hashable, Sendable, CaseIterable {
    case attentionNorm, attentionQuery, attentionKey, attentionValue, attentionOutput
    case feedForwardNorm, feedForwardGate, feedForwardUp, feedForwardDown
}
