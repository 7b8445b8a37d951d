/// Gathers the tensors of single experts until those of a block are all there.
struct ExpertStacks {
    private let architecture: Architecture
    private let expertCount: Int
    /// The slots that have a tensor for each expert, in the order of their names in a Hugging Face file.
    private let slots: [BlockSlot]
    /// What there is of each block that is not complete.
    private var gathered: [Int: [WeightRole: WeightTensor]] = [:]

    init(architecture: Architecture, numbers: Hyperparameters) {
        self.architecture = architecture
        expertCount = numbers.experts?.count ?? 0
        slots = architecture.weights.filter(\.hasExperts)
            .sorted { ($0.huggingFace ?? "") < ($1.huggingFace ?? "") }
            .compactMap { if case .blocks(let slot) = $0.place { slot } else { nil } }
    }

    /// Takes an expert's tensor.
    ///
    /// - Returns: where it is the block's last, each slot's name in GGUF and its experts' tensors in order.
    mutating func complete(
        with tensor: WeightTensor, _ role: WeightRole
    ) -> [(name: String, matrices: [WeightTensor])] {
        guard let block = role.block else { return [] }
        gathered[block, default: [:]][role] = tensor
        guard let tensors = gathered[block], tensors.count == slots.count * expertCount else {
            return []
        }
        gathered[block] = nil
        return slots.compactMap { slot in
            guard let name = architecture.name(of: .block(block, slot), in: .gguf) else {
                return nil
            }
            let matrices = (0..<expertCount).compactMap {
                tensors[WeightRole(.block(block, slot), expert: $0)]
            }
            return matrices.isEmpty ? nil : (name, matrices)
        }
    }
}
