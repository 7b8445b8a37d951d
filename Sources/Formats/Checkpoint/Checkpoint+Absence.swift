/// Why a weight is not where its family has it: the error says the cause, not the first thing that is missing.
extension Checkpoint {
    /// What to say of a weight that the files lack.
    ///
    /// - Parameters:
    ///   - name: what the format calls the weight.
    ///   - blocks: how many blocks the numbers say.
    func absence(of role: WeightRole, named name: String?, blocks: Int) -> CheckpointError {
        let name = name ?? role.description
        if let quantization, let problem = quantization.problem {
            return .quantized(file: path, method: quantization.description, kind: problem.kind)
        }
        if let stack = expertStack(for: role) {
            return .unsupportedFeature(
                file: path,
                fact: "tensor '\(stack.name)' of shape \(stack.shape) holds the matrices of all "
                    + "experts in one and is none of transformers' (experts.gate_up_proj and "
                    + "experts.down_proj, outputs before inputs), which is not supported")
        }
        if let tensor = tensors.first(where: { $0.role == nil && misnamedRole($0.name) == role }) {
            return .unsupportedFeature(file: path, fact: Self.renaming(name, tensor.name))
        }
        if case .huggingFace(let files) = source, files.indexName == nil, files.shards.count == 1,
            let part = SafetensorsPart(files.shards[0].name)
        {
            let present = (try? Folder.names(files.folder)) ?? []
            return .contradiction(
                file: path,
                fact: "tensor '\(name)' is missing: the file is \(part.fact(beside: present))")
        }
        let last = tensors.compactMap(\.role?.block).max() ?? -1
        if let block = role.block, block > last {
            return .contradiction(
                file: path,
                fact: "tensor '\(name)' is missing: its numbers say \(blocks) blocks, but it has "
                    + "tensors of \(last + 1)")
        }
        return .missingTensor(file: path, name: name)
    }

    /// What to say of a family that is not known because it wraps a text model of another one; nil where it does not.
    func wrapper(named name: String) -> CheckpointError? {
        guard case .huggingFace(let files) = source else { return nil }
        if files.wrapper != nil, files.modelConfig == nil {
            return .missingKey(file: files.folder + "/config.json", key: Wrapper.textKey)
        }
        guard
            let part = ["text_config", "llm_config", "language_config", "thinker_config"].first(
                where: { files.config?[$0]?.object != nil })
        else { return nil }
        let kind = files.config?[part]?.object?["model_type"]?.string
        let prefix = Self.textPrefixes.first { prefix in
            tensors.contains { $0.name.hasPrefix(prefix) }
        }
        return .unsupportedFeature(
            file: path,
            fact: "architecture '\(name)' wraps a text model ("
                + (kind.map { "'\($0)' in " } ?? "")
                + "'\(part)'"
                + (prefix.map { ", tensors under the prefix '\($0)'" } ?? "")
                + "), which is not supported; supported are the text models' own folders: "
                + Architecture.all.map(\.huggingFaceModelType).joined(separator: ", ")
                + "; and in multimodal folders: "
                + Wrapper.all.map(\.description).joined(separator: ", "))
    }

    /// Where multimodal folders keep their text model, the longest first.
    private static let textPrefixes = [
        "model.language_model.model.", "language_model.model.", "model.language_model.",
        "thinker.model.", "language_model.", "text_model.",
    ]

    // MARK: - Names

    /// Modules that tools put around others, whose names stay in the names of saved tensors.
    private static let wrappingModules: Set<Substring> = [
        "_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "base_layer",
    ]

    /// The role that a tensor without one would have under its family's name: without the modules that wrap others,
    /// without what stands before, or with `model.` before it.
    private func misnamedRole(_ name: String) -> WeightRole? {
        guard let architecture else { return nil }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let inner = parts.filter { !Self.wrappingModules.contains($0) }
        for start in 0..<max(0, min(4, inner.count - 1)) {
            let rest = inner[start...].joined(separator: ".")
            for candidate in [rest, "model." + rest] {
                if let role = architecture.role(of: candidate, in: format) { return role }
            }
        }
        return nil
    }

    /// Says under which name a tensor is there.
    private static func renaming(_ expected: String, _ found: String) -> String {
        let (wanted, present) = (expected.split(separator: "."), found.split(separator: "."))
        let shared = zip(wanted.reversed(), present.reversed()).prefix { $0 == $1 }.count
        func prefix(_ parts: [Substring]) -> String {
            parts.dropLast(shared).map { $0 + "." }.joined()
        }
        let (own, other) = (prefix(wanted), prefix(present))
        let place =
            other.isEmpty
            ? "without the prefix '\(own)'"
            : "under the prefix '\(other)'" + (own.isEmpty ? "" : " in place of '\(own)'")
        return "tensor '\(expected)' is there as '\(found)', \(place), which is not supported; "
            + "rename the tensors"
    }

    // MARK: - Experts

    /// The tensor that holds this weight of all experts of its block, where each expert should have its own.
    private func expertStack(for role: WeightRole) -> WeightTensor? {
        guard let block = role.block, format == .safetensors, let architecture,
            architecture.separatesExperts
        else { return nil }
        switch role.slot {
        case .block(_, .expertGate), .block(_, .expertUp), .block(_, .expertDown),
            .block(_, .expertRouter):
            break
        default: return nil
        }
        let fused = FusedExperts.tensorNames(ofBlock: block).map(architecture.folderNames.inFile)
        if let tensor = tensors.first(where: { $0.name == fused[0] })
            ?? tensors.first(where: { fused.contains($0.name) })
        {
            return tensor
        }
        return tensors.first { tensor in
            tensor.role == nil && tensor.shape.count == 3 && tensor.name.contains(".\(block).")
                && (tensor.name.contains(".experts.") || tensor.name.contains(".switch_mlp."))
        }
    }
}
