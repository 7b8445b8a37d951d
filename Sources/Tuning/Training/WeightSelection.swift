package import Formats

/// Which weights of a model are tuned.
package struct WeightSelection: Sendable, Hashable {
    /// The tensors, in the order of the model: embedding, blocks, last norm, head.
    package let roles: [WeightRole]
    private let slots: Set<BlockSlot>

    /// The projections of a block, experts' too; the router of experts is not one.
    package static let blockProjections = BlockSlot.allCases.filter {
        $0.isProjection && !$0.isRouter
    }

    /// The projections that representation terms reach (arXiv 2409.06927): of attention's values and of its output,
    /// and what stands for them in a short convolution and in a gated delta net.
    package static let valueAndOutput: [BlockSlot] = [
        .attentionValue, .attentionOutput, .convolutionInput, .convolutionOutput,
        .deltaQueryKeyValue, .deltaOutput,
    ]

    /// Chooses those weights that the checkpoint has, each projection with its bias.
    ///
    /// - Parameters:
    ///   - blocks: 0-based.
    ///   - slots: the places in these blocks. Where one matrix holds several projections, only the rows of those that
    ///     are named are tuned.
    ///   - model: further places outside the blocks.
    /// - Throws: `TrainingError.nothingToTune` where the checkpoint has none of them.
    package init(
        blocks: [Int], slots: [BlockSlot], model: [WeightRole.Slot] = [], of base: Checkpoint
    ) throws(TrainingError) {
        self.slots = Set(slots.flatMap(\.parts))
        var roles: [WeightRole] = []
        func take(_ slot: WeightRole.Slot) {
            for part in [WeightRole.Part.weight, .bias] {
                let role = WeightRole(slot, part)
                if base.tensor(role) != nil, !slot.isOfExperts { roles.append(role) }
            }
            guard slot.isOfExperts else { return }
            for expert in 0... {
                let role = WeightRole(slot, expert: expert)
                guard base.tensor(role) != nil else { break }
                roles.append(role)
            }
        }
        if model.contains(.tokenEmbedding) { take(.tokenEmbedding) }
        if model.contains(.positionEmbedding) { take(.positionEmbedding) }
        for block in Set(blocks).sorted() {
            for slot in BlockSlot.allCases where !self.slots.isDisjoint(with: slot.parts) {
                take(.block(block, slot))
            }
        }
        if model.contains(.outputNorm) { take(.outputNorm) }
        if model.contains(.output) { take(.output) }
        guard !roles.isEmpty else { throw .nothingToTune(file: base.path) }
        self.roles = roles
    }

    /// The projections chosen of a tensor, each with the tensor's part; the tensor's own role where it holds one.
    package func parts(of role: WeightRole) -> [WeightRole] {
        guard case .block(let block, let slot) = role.slot, slot.parts.count > 1 else {
            return [role]
        }
        return slot.parts.filter(slots.contains).map {
            WeightRole(.block(block, $0), role.part, expert: role.expert)
        }
    }
}

/// How weights are tuned.
package enum TuningForm: Sendable, Hashable {
    /// Every number of the weight.
    case full
    /// A low-rank update beside the weight, (α / rank) · B · A (LoRA, arXiv 2106.09685).
    case lowRank(rank: Int, alpha: Float)
}
