/// Folders whose experts lie in one tensor of each block, as transformers 5 holds them in memory and saves them with
/// `save_original_format=False`.
extension Architecture {
    /// A weight of a folder as published folders of the family have it; a packed one stays as it is.
    func separated(_ storage: WeightStorage) -> [WeightStorage] {
        guard case .plain(let tensor) = storage else { return [storage] }
        guard separatesExperts, let prediction, tensor.name.hasPrefix(prediction.layers) else {
            return separated(tensor).map { .plain($0) }
        }
        // Blocks that predict further tokens stand outside the modules that folder names tell of.
        let (own, layers) = (prediction.ownLayers, prediction.layers)
        return named(.own).separated(
            tensor.named(own + tensor.name.dropFirst(layers.count))
        ).map { .plain($0.named(layers + $0.name.dropFirst(own.count))) }
    }

    /// A tensor of a folder as published folders of the family have it: each expert's matrices by themselves, the router
    /// beside them under its own name; all else as it is.
    ///
    /// The parts are rows as they lie in the file, outputs first.
    private func separated(_ tensor: StoredTensor) -> [StoredTensor] {
        guard separatesExperts, role(of: tensor.name, in: .safetensors) == nil else {
            return [tensor]
        }
        if let router = fusedRouter(ofTensor: tensor.name),
            let name = name(of: router, in: .safetensors)
        {
            return [tensor.named(name)]
        }
        guard let (block, slots) = fusedParameter(ofTensor: tensor.name),
            tensor.shape.count == 3, tensor.shape[0] <= tensor.bytes.count
        else { return [tensor] }
        var parts: [StoredTensor] = []
        for expert in 0..<tensor.shape[0] {
            guard let matrices = matrices(of: tensor, expert, block, slots) else { return [tensor] }
            parts += matrices
        }
        return parts
    }

    /// One expert's matrices in a tensor of all; nil where its rows are no whole matrices.
    private func matrices(
        of tensor: StoredTensor, _ expert: Int, _ block: Int, _ slots: [BlockSlot]
    ) -> [StoredTensor]? {
        guard let all = tensor.matrix(ofExpert: expert), all.shape[0] % slots.count == 0 else {
            return nil
        }
        let rows = all.shape[0] / slots.count
        var matrices: [StoredTensor] = []
        for (index, slot) in slots.enumerated() {
            let role = WeightRole(.block(block, slot), expert: expert)
            guard let name = name(of: role, in: .safetensors),
                let matrix = all.rows((index * rows)..<((index + 1) * rows))
            else { return nil }
            matrices.append(matrix.named(name))
        }
        return matrices
    }
}

extension StoredTensor {
    /// The same bytes as a whole tensor under another name.
    fileprivate func named(_ name: String) -> StoredTensor {
        StoredTensor(
            description: TensorDescription(name: name, type: type, shape: shape), bytes: bytes)
    }
}

extension Checkpoint {
    /// Whether the folder's experts lie in one tensor of each block; `tensors` has them one by one.
    var hasFusedExperts: Bool {
        guard case .huggingFace(let files) = source, let architecture,
            architecture.separatesExperts
        else { return false }
        return files.shards.contains { shard in
            shard.file.tensors.contains { architecture.fusedParameter(ofTensor: $0.name) != nil }
        }
    }
}
