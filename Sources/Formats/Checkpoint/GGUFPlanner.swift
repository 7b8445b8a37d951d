/// Plans a GGUF output.
struct GGUFPlanner {
    let source: Checkpoint
    let changes: EditList

    /// GGUF to GGUF: the tensors and the metadata stay as they are and where they are; new tensors follow.
    func plan(keeping gguf: GGUFFile) throws -> OutputPlan {
        var metadata = gguf.metadata
        for key in ["split.no", "split.count", "split.tensors.count"] { metadata[key] = nil }
        if let type = changes.type { metadata["general.file_type"] = .u32(Self.fileType(of: type)) }
        let planner = TensorPlanner(
            source: source, changes: changes, format: .gguf, numbers: nil)
        var tensors = try source.tensors.map { tensor in
            try planner.tensor(named: tensor.name, from: tensor, as: try outputType(of: tensor))
        }
        tensors += try newTensors(planner)
        return plan(tensors, metadata: metadata)
    }

    /// Hugging Face to GGUF: every tensor is renamed and, where the formats differ, permuted.
    func planFromHuggingFace() throws -> OutputPlan {
        let architecture = try source.requireArchitecture()
        let numbers = try source.hyperparameters()
        for tensor in source.tensors
        where tensor.role == nil && !tensor.name.hasSuffix(".rotary_emb.inv_freq") {
            throw CheckpointError.unknownTensor(
                file: source.path, name: tensor.name, architecture: architecture.name)
        }
        var tensors: [OutputPlan.Tensor] = []
        if case .llama3(let ramp) = numbers.rope.scaling,
            let name = architecture.name(of: WeightRole(.ropeFrequencies), in: .gguf)
        {
            let divisors = ramp.divisors(
                base: numbers.rope.base, dimensions: numbers.rope.dimensions)
            tensors.append(
                OutputPlan.Tensor(
                    TensorDescription(name: name, type: .f32, shape: [divisors.count]),
                    .values(divisors)))
        }
        let planner = TensorPlanner(
            source: source, changes: changes, format: .gguf, numbers: numbers)
        for tensor in orderedTensors(architecture) {
            guard let role = tensor.role, let name = architecture.name(of: role, in: .gguf) else {
                continue
            }
            if role.slot == .output, numbers.tiesEmbeddings { continue }
            tensors.append(
                try planner.tensor(named: name, from: tensor, as: try outputType(of: tensor)))
        }
        tensors += try newTensors(planner)
        return plan(tensors, metadata: try metadata(architecture, numbers, tensors))
    }

    /// The source's tensors in the order of the architecture: model, then block by block, then model.
    private func orderedTensors(_ architecture: Architecture) -> [CheckpointTensor] {
        let rules = architecture.weights
        let firstOfBlock =
            rules.firstIndex { if case .everyBlock = $0.place { true } else { false } }
            ?? rules.count
        let ranked = source.tensors.compactMap {
            tensor -> (rank: [Int], tensor: CheckpointTensor)? in
            guard let role = tensor.role,
                let rule = rules.firstIndex(where: { $0.place.matches(role.slot) })
            else { return nil }
            let part = role.part == .weight ? 0 : 1
            guard let block = role.block else {
                return ([rule < firstOfBlock ? 0 : 2, 0, rule, part], tensor)
            }
            return ([1, block, rule, part], tensor)
        }
        return ranked.sorted { $0.rank.lexicographicallyPrecedes($1.rank) }.map(\.tensor)
    }

    /// The weights that edits bring and the source does not have.
    private func newTensors(_ planner: TensorPlanner) throws -> [OutputPlan.Tensor] {
        let roles = changes.roles.filter { source.tensor($0) == nil }
        guard !roles.isEmpty else { return [] }
        let architecture = try source.requireArchitecture()
        let numbers = try source.hyperparameters()
        return try roles.map { role in
            guard let rule = architecture.rule(for: role.slot),
                let name = rule.name(of: role, in: .gguf)
            else {
                throw CheckpointError.cannotExpress(
                    fact: "a GGUF file of architecture '\(architecture.name)' has no \(role)")
            }
            return try planner.newTensor(
                named: name, role: role, shape: rule.shape(of: role.part, in: numbers))
        }
    }

    /// llama.cpp wants vectors in f32; matrices take the type asked for, or stay as they are.
    private func outputType(of tensor: CheckpointTensor) throws(CheckpointError) -> ElementType {
        let isFloat = tensor.type.isPlainFloat || tensor.type.isQuantized
        if source.format == .safetensors, tensor.shape.count < 2, isFloat { return .f32 }
        if let type = changes.type, tensor.shape.count >= 2, isFloat { return type }
        guard tensor.type.ggmlIdentifier != nil else {
            throw .cannotExpress(
                fact:
                    "\(source.path): tensor '\(tensor.name)' is \(tensor.type.name), which GGUF cannot hold"
            )
        }
        return tensor.type
    }

    private func plan(_ tensors: [OutputPlan.Tensor], metadata: GGUFMetadata) -> OutputPlan {
        var metadata = metadata
        for change in changes.metadata { metadata[change.key] = change.value }
        return OutputPlan(
            source: source, tensors: tensors,
            container: .gguf(metadata: metadata),
            notes: [])
    }

    private func metadata(
        _ architecture: Architecture, _ numbers: Hyperparameters, _ tensors: [OutputPlan.Tensor]
    ) throws -> GGUFMetadata {
        var entries: [GGUFMetadata.Entry] = [
            .init("general.architecture", .string(ByteString(architecture.name))),
            .init("general.type", .string(ByteString("model"))),
        ]
        let folder = source.path.split(separator: "/").last.map(String.init) ?? source.path
        entries.append(.init("general.name", .string(ByteString(folder))))
        entries += try numbers.metadata(architecture: architecture)
        let matrices = tensors.filter { $0.description.shape.count >= 2 }.map(\.description.type)
        let counts = Dictionary(grouping: matrices) { $0 }.mapValues(\.count)
        let main =
            counts.max { ($0.value, $1.key.rawValue) < ($1.value, $0.key.rawValue) }?.key ?? .f32
        entries.append(.init("general.file_type", .u32(Self.fileType(of: main))))
        entries += try source.tokenizer().metadataEntries(file: source.path)
        return GGUFMetadata(entries)
    }

    /// llama.cpp's number for a file whose matrices are of this plain type.
    private static func fileType(of type: ElementType) -> UInt32 {
        switch type {
        case .f16: 1
        case .bf16: 32
        default: 0
        }
    }
}
