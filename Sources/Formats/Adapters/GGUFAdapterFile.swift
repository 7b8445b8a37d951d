/// A LoRA adapter as a GGUF file of llama.cpp: tensors named weight + `.lora_a` (rank, inputs) and `.lora_b`
/// (outputs, rank), and one alpha for all. The scale is alpha / rank, or 1 where alpha is 0 or missing.
struct GGUFAdapterFile {
    let path: String

    private enum Key {
        static let kind = "general.type"
        static let architecture = "general.architecture"
        static let name = "general.name"
        static let adapterKind = "adapter.type"
        static let alpha = "adapter.lora.alpha"
        static let invocation = "adapter.alora.invocation_tokens"
        static let baseCount = "general.base_model.count"
        static let baseName = "general.base_model.0.name"
    }

    private static let suffixes = (a: ".lora_a", b: ".lora_b")

    // MARK: - Reading

    /// - Throws: as `Adapter.read`.
    func read(for base: Checkpoint) throws -> Adapter {
        let file = try GGUFFile.open(path)
        let alpha = try alpha(file.metadata, for: base)
        var tensors = AdapterTensors(
            file: path, base: base, format: .gguf, suffixes: Self.suffixes)
        for tensor in file.tensors {
            let name = tensor.description.name
            let side: AdapterTensors.Half =
                name.hasSuffix(Self.suffixes.b) ? .b : .a
            let suffix = side == .a ? Self.suffixes.a : Self.suffixes.b
            guard name.hasSuffix(suffix) else {
                throw AdapterError.unsupportedTensor(
                    file: path, tensor: name, reason: "ends neither in .lora_a nor in .lora_b")
            }
            let weight = String(name.dropLast(suffix.count))
            let role = try tensors.role(of: weight, for: tensor)
            let form: AdapterTensors.Form =
                role.slot == .tokenEmbedding
                ? .embeddingRows : role.slot.isOfExperts ? .stack : .matrix
            try tensors.add(
                tensor, side, of: AdapterTensors.Target(role: role, form: form), name: weight)
        }
        let scale = { (rank: Int, _: AdapterTensors.Pair) in Self.scale(alpha, rank: rank) }
        try tensors.settleTiedHead(.isUnknown, scale: scale)
        let updates = try tensors.outcome(scale: scale).updates
        guard let rank = updates.first?.rank else {
            throw AdapterError.notAnAdapter(path: path, reason: "it has no updates")
        }
        return Adapter(
            updates: updates, rank: rank, alpha: alpha == 0 ? Float(rank) : alpha)
    }

    /// llama.cpp's rule.
    private static func scale(_ alpha: Float, rank: Int) -> Float {
        alpha == 0 ? 1 : alpha / Float(rank)
    }

    private func alpha(_ metadata: GGUFMetadata, for base: Checkpoint) throws -> Float {
        for (key, expected) in [(Key.kind, "adapter"), (Key.adapterKind, "lora")] {
            let found = metadata[key]?.text
            guard found == expected else {
                throw AdapterError.notAnAdapter(
                    path: path, reason: "\(key) is '\(found ?? "missing")', not '\(expected)'")
            }
        }
        let architecture = try base.requireArchitecture().name
        let found = metadata[Key.architecture]?.text
        guard found == architecture else {
            throw AdapterError.wrongArchitecture(
                file: path, found: found ?? "missing", base: architecture)
        }
        guard metadata[Key.invocation] == nil else {
            throw AdapterError.unsupportedValue(
                file: path, key: Key.invocation, value: "there",
                meaning: "an adapter that begins at certain tokens (aLoRA)")
        }
        switch metadata[Key.alpha] {
        case nil: return 0
        case .f32(let alpha) where alpha.isFinite: return alpha
        default:
            throw AdapterError.wrongValue(file: path, key: Key.alpha, expected: "a finite f32")
        }
    }

    // MARK: - Writing

    /// - Throws: as `Adapter.write`.
    func write(
        _ adapter: Adapter, for base: Checkpoint, baseName: String?, replacing: Bool
    ) throws {
        let updates = try adapter.updates(for: base, in: .gguf)
        let experts = try base.hyperparameters().experts?.count ?? 0
        var tensors: [TensorFile.Tensor] = []
        var stacks: Set<WeightRole.Slot> = []
        for (module, update) in updates {
            let weight = module + ".weight"
            let slot = update.role.slot
            let isStack = update.role.expert != nil
            if isStack, !stacks.insert(slot).inserted { continue }
            let parts = isStack ? updates.map(\.update).filter { $0.role.slot == slot } : [update]
            let halves = Self.halves(parts, experts: isStack ? experts : 1, alpha: adapter.alpha)
            let all = isStack ? [experts] : []
            tensors += [
                .floats(
                    weight + Self.suffixes.a, shape: all + [halves.rank, update.inputs]
                ) { halves.a },
                .floats(
                    weight + Self.suffixes.b, shape: all + [update.outputs, halves.rank]
                ) { halves.b },
            ]
        }
        let metadata = try metadata(adapter, for: base, baseName: baseName)
        try TensorFile(tensors, metadata: metadata, path: path)
            .write(to: path, replacing: replacing)
    }

    /// Both halves of an update, or of those of all experts one after the other: the largest rank for all, zeros where an
    /// expert has a smaller one or none.
    private static func halves(
        _ updates: [LowRankUpdate], experts: Int, alpha: Float
    ) -> (rank: Int, a: [Float], b: [Float]) {
        let rank = updates.map(\.rank).max() ?? 1
        let (inputs, outputs) = (updates[0].inputs, updates[0].outputs)
        var a = [Float](repeating: 0, count: experts * rank * inputs)
        var b = [Float](repeating: 0, count: experts * outputs * rank)
        for update in updates {
            let expert = update.role.expert ?? 0
            // The file has one alpha for all: a scale of its own goes into B.
            let factor = update.scale / scale(alpha, rank: rank)
            let first = expert * rank * inputs
            a.replaceSubrange(first..<(first + update.a.count), with: update.a)
            for row in 0..<outputs {
                for step in 0..<update.rank {
                    let value = update.b[row * update.rank + step]
                    b[(expert * outputs + row) * rank + step] = factor == 1 ? value : value * factor
                }
            }
        }
        return (rank, a, b)
    }

    private func metadata(
        _ adapter: Adapter, for base: Checkpoint, baseName: String?
    ) throws -> GGUFMetadata {
        let name = PathParts(path).name.dropLast(".gguf".count)
        var metadata = GGUFMetadata([
            .init(Key.architecture, .string(ByteString(try base.requireArchitecture().name))),
            .init(Key.kind, .string(ByteString("adapter"))),
            .init(Key.adapterKind, .string(ByteString("lora"))),
            .init(Key.name, .string(ByteString(String(name)))),
        ])
        if let baseName {
            metadata[Key.baseCount] = .u32(1)
            metadata[Key.baseName] = .string(ByteString(baseName))
        }
        metadata[Key.alpha] = .f32(adapter.alpha)
        return metadata
    }
}
