/// Gathers the tensors of single experts until those of a block are all there.
struct ExpertStacks {
    private let source: Checkpoint
    private let architecture: Architecture
    private let expertCount: Int
    /// The slots that have a tensor for each expert, in the order of their names in a Hugging Face file.
    private let slots: [BlockSlot]
    /// How many tensors each block still misses.
    private var missing: [Int: Int] = [:]

    init(source: Checkpoint, architecture: Architecture, numbers: Hyperparameters) {
        self.source = source
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
        with role: WeightRole
    ) -> [(name: String, matrices: [WeightTensor])] {
        guard let block = role.block else { return [] }
        let left = missing[block, default: slots.count * expertCount] - 1
        missing[block] = left
        guard left == 0 else { return [] }
        return slots.compactMap { slot in
            guard let name = architecture.name(of: .block(block, slot), in: .gguf) else {
                return nil
            }
            let matrices = (0..<expertCount).compactMap {
                source.tensor(WeightRole(.block(block, slot), expert: $0))
            }
            return (name, matrices)
        }
    }
}
