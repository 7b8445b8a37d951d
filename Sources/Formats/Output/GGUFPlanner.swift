/// Plans a GGUF output.
struct GGUFPlanner {
    let source: Checkpoint
    let changes: EditList

    /// GGUF to GGUF: the tensors and the metadata stay as they are and where they are; new tensors follow.
    func plan(keeping gguf: GGUFFile) throws -> OutputPlan {
        var metadata = gguf.metadata
        for key in GGUFSplits.Key.all { metadata[key] = nil }
        var notes: [String] = []
        if let model = changes.model {
            (metadata, notes) = try model.metadata(
                from: metadata, of: source.model(), file: source.path,
                lacksFeedForwardNorm: source.tensor(.block(0, .feedForwardNorm)) == nil)
        }
        if let type = changes.types?.plainType {
            metadata[MetadataFormat.fileType] = .u32(type.ggufFileType)
        }
        let planner = TensorPlanner(source: source, changes: changes, format: .gguf)
        var tensors = try source.tensors.flatMap(planner.pieces).map { tensor in
            try planner.tensor(named: planner.name(of: tensor), from: tensor)
        }
        tensors += try newTensors(planner)
        return try plan(tensors, planner, metadata: metadata, notes: notes)
    }

    /// Hugging Face to GGUF: every tensor is renamed and brought into llama.cpp's form, in the order in which its
    /// converter writes them: that of the names in each file, experts where the last one of their block stands.
    func planFromHuggingFace(_ files: HuggingFaceFiles) throws -> OutputPlan {
        let own = try source.requireArchitecture()
        let architecture = changes.model?.architecture ?? own
        var numbers = try changes.model?.numbers ?? source.hyperparameters()
        let prediction = changes.model == nil ? source.prediction : .none
        numbers.predictionBlocks = prediction.count
        let name = source.name
        let tokenizer = try TokenizerConversion(
            folder: files.folder, config: files.modelConfig ?? JSONObject(),
            layout: own.tokenizer, name: name
        ).result()
        var loss = ConversionLoss(source: source, architecture: architecture, numbers: numbers)
        let planner = TensorPlanner(source: source, changes: changes, format: .gguf)
        var tensors = divisorTensors(architecture, numbers.rope)
        var stacks = ExpertStacks(architecture: architecture, numbers: numbers)
        let carried = Set(source.carriedTensors.map(\.name))
        for tensor in sorted(with: prediction).flatMap(planner.pieces) {
            guard let role = tensor.role else {
                guard source.takesNoPart(tensor) || carried.contains(tensor.name) else {
                    throw CheckpointError.unknownTensor(
                        file: source.path, name: tensor.name, architecture: architecture.name)
                }
                continue
            }
            if role.slot == .output, leavesOutHead(architecture) { continue }
            if role.expert != nil {
                for (name, matrices) in stacks.complete(with: tensor, role) {
                    tensors.append(try planner.stack(named: name, from: matrices))
                }
                continue
            }
            guard let name = architecture.name(of: role, in: .gguf) else {
                throw CheckpointError.cannotExpress(
                    fact: "llama.cpp's '\(architecture.name)' does not load tensor '\(tensor.name)'"
                )
            }
            try loss.look(at: tensor)
            let isCut = architecture.cutsEmbedding && role == WeightRole(.tokenEmbedding)
            tensors.append(
                try planner.tensor(
                    named: name, from: tensor, rows: isCut ? tokenizer.tokenCount : nil))
        }
        // As the converter does, matrices whose blocks are taken as they are come first.
        tensors = tensors.filter(\.isOfKeptBlocks) + tensors.filter { !$0.isOfKeptBlocks }
        tensors += try neededHead(architecture, planner)
        tensors += try newTensors(planner, tokens: tokenizer.tokenCount)
        tensors += try neededBiases(architecture, numbers, planner)
        let metadata = try metadata(
            architecture, numbers, tensors, files, name: name, tokenizer.entries)
        try loss.compare(with: metadata)
        let unread = source.unreadKeys
        let notRead =
            unread.isEmpty ? [] : ["config.json: not read: \(unread.joined(separator: ", "))"]
        let links = Folder.note(linksIn: files.folder, ModelFiles.names(in: files.folder))
        return try plan(
            tensors, planner, metadata: metadata,
            notes: loss.notes + tokenizer.notes + notRead + links
                + leftOutOfWrapper + source.leftOutPredictors(prediction))
    }

    private var leftOutOfWrapper: [String] {
        let carried = source.tensors.filter {
            $0.role == nil && source.wrapper?.carries($0.name) ?? false
        }
        guard let wrapper = source.wrapper, !carried.isEmpty else { return [] }
        let parts = wrapper.carried.filter { part in
            carried.contains { $0.name.hasPrefix(part) }
        }
        return [
            "the text decoder of a '\(wrapper.modelType)' alone: left out are \(carried.count) tensors of "
                + "\(parts.map { $0.dropLast() }.joined(separator: " and ")), which llama.cpp has in a second "
                + "file (mmproj); an edit of the decoder leaves that valid"
        ]
    }

    /// Whether the output has no tensor for the head, because the source's repeats the embedding and llama.cpp takes
    /// the embedding where there is none. A copy that `config.json` does not announce as tied is kept where it can be.
    private func leavesOutHead(_ architecture: Architecture) -> Bool {
        let isEdited = [.output, .tokenEmbedding].contains { (slot: WeightRole.Slot) in
            changes.weights[WeightRole(slot)] != nil
        }
        guard !isEdited, source.head == .copyOfEmbedding,
            let rule = architecture.rule(for: .output)
        else { return false }
        return rule.gguf == nil
            || source.isAnnouncedTied && rule.presence != .unlessTiedInHuggingFace
    }

    /// The embedding once more as the head, where llama.cpp does not load the family's files without one.
    private func neededHead(
        _ architecture: Architecture, _ planner: TensorPlanner
    ) throws -> [OutputPlan.Tensor] {
        let head = WeightRole(.output)
        guard architecture.rule(for: .output)?.presence == .unlessTiedInHuggingFace,
            !source.hasOwnHead, changes.weights[head] == nil,
            let name = architecture.name(of: head, in: .gguf),
            let embedding = source.tensor(WeightRole(.tokenEmbedding))
        else { return [] }
        return [try planner.tensor(named: name, from: embedding)]
    }

    /// The source's tensors file by file in the order of their names.
    ///
    /// - Parameter prediction: those that stand for tensors of the same names.
    private func sorted(with prediction: PredictionBlocks) -> [WeightTensor] {
        let replaced = Set(prediction.weights.map(\.name))
        func file(_ tensor: WeightTensor) -> String {
            tensor.parts.first?.bytes.file.path ?? ""
        }
        let tensors = source.tensors.filter { !replaced.contains($0.name) } + prediction.weights
        return tensors.sorted { left, right in
            let (first, second) = (file(left), file(right))
            return first == second
                ? left.name.utf8.lexicographicallyPrecedes(right.name.utf8) : first < second
        }
    }

    /// The lists of rotary divisors that llama.cpp keeps as tensors.
    private func divisorTensors(
        _ architecture: Architecture, _ rope: RopeParameters
    ) -> [OutputPlan.Tensor] {
        var lists: [(WeightRole.Slot, [Float])] = []
        if let divisors = rope.fixedDivisors { lists.append((.ropeFrequencies, divisors)) }
        if case .longrope(let short, let long, _, _) = rope.scaling {
            lists.append((.ropeFactorsLong, long.map(Float.init)))
            lists.append((.ropeFactorsShort, short.map(Float.init)))
        }
        return lists.compactMap { slot, list in
            architecture.name(of: WeightRole(slot), in: .gguf).map { name in
                OutputPlan.Tensor(
                    TensorDescription(name: name, type: .f32, shape: [list.count]),
                    TensorContent(.rows(WeightRows(list, shape: [list.count]))))
            }
        }
    }

    /// The weights that edits bring and the source does not have.
    ///
    /// - Parameter tokens: how many rows a head has where embeddings beyond the tokenizer's tokens are left out.
    private func newTensors(
        _ planner: TensorPlanner, tokens: Int? = nil
    ) throws -> [OutputPlan.Tensor] {
        let roles = changes.roles.filter { source.tensor($0) == nil }
        guard !roles.isEmpty else { return [] }
        let architecture = try changes.model?.architecture ?? source.requireArchitecture()
        let numbers = try changes.model?.numbers ?? source.hyperparameters()
        return try roles.map { role in
            guard let rule = architecture.rule(for: role.slot),
                let name = rule.name(of: role, in: .gguf)
            else {
                throw CheckpointError.cannotExpress(
                    fact: "a GGUF file of architecture '\(architecture.name)' has no \(role)")
            }
            var shape = rule.shape(of: role, in: numbers, format: .gguf)
            if let tokens, architecture.cutsEmbedding, role.slot == .output {
                shape[0] = min(tokens, shape[0])
            }
            return try planner.newTensor(named: name, role: role, shape: shape)
        }
    }

    /// Zeros for biases that a model of the family can do without in transformers, but not in llama.cpp.
    private func neededBiases(
        _ architecture: Architecture, _ numbers: Hyperparameters, _ planner: TensorPlanner
    ) throws -> [OutputPlan.Tensor] {
        try architecture.weights.filter { $0.bias?.isDefault ?? false }.flatMap { rule in
            try rule.roles(in: numbers, part: .bias).compactMap { role in
                guard source.tensor(role) == nil, changes.weights[role] == nil,
                    source.tensor(WeightRole(role.slot)) != nil,
                    let name = rule.name(of: role, in: .gguf)
                else { return nil }
                return try planner.newTensor(
                    named: name, role: role, shape: rule.shape(of: role, in: numbers))
            }
        }
    }

    private func plan(
        _ tensors: [OutputPlan.Tensor], _ planner: TensorPlanner, metadata: GGUFMetadata,
        notes: [String]
    ) throws -> OutputPlan {
        var types = MatrixTypes(planner, edited: typedNames, metadata: metadata)
        let tensors = try types.apply(to: tensors).flatMap { [$0] + planner.scales(beside: $0) }
        var metadata = metadata
        if let policy = changes.types { metadata.describe(policy) }
        for change in changes.metadata { metadata[change.key] = change.value }
        try record(in: &metadata)
        try metadata.assign(changes.assignments)
        return OutputPlan(
            source: source, tensors: tensors, container: .gguf(metadata: metadata),
            notes: notes + types.notes, refusal: types.refusal)
    }

    /// Says in the output's metadata what was done to the model.
    private func record(in metadata: inout GGUFMetadata) throws {
        guard let change = changes.history else {
            // A GGUF file's own keys are there already.
            if source.format == .safetensors, let history = try? source.history() {
                history.write(to: &metadata, known: 0)
            }
            return
        }
        let history = try source.history()
        history.applying(change, to: source.name)
            .write(to: &metadata, known: source.format == .gguf ? history.edits.count : 0)
    }

    /// The names of the tensors to which edits give a type.
    private var typedNames: Set<ExactString> {
        let architecture = changes.model?.architecture ?? source.architecture
        let roles = changes.weights.filter { $0.value.type != nil }.keys
        return Set(
            roles.flatMap { role in
                [role, role.ofAllExperts].compactMap {
                    architecture?.name(of: $0, in: .gguf).map(ExactString.init)
                }
            })
    }

    private func metadata(
        _ architecture: Architecture, _ numbers: Hyperparameters, _ tensors: [OutputPlan.Tensor],
        _ files: HuggingFaceFiles, name: String, _ tokenizer: [GGUFMetadata.Entry]
    ) throws -> GGUFMetadata {
        let matrices = tensors.filter { $0.description.shape.count >= 2 }.map(\.description.type)
        let counts = Dictionary(grouping: matrices) { $0 }.mapValues(\.count)
        let main =
            counts.max { ($0.value, $1.key.rawValue) < ($1.value, $0.key.rawValue) }?.key ?? .f32
        var entries = [
            GGUFMetadata.Entry(
                "general.architecture", .string(ByteString(architecture.name)))
        ]
        entries += try numbers.metadata(
            architecture: architecture,
            general: try GeneralMetadata(
                name: name, tensors: tensors.map(\.description),
                sampling: files.generationConfig()
            ).entries, fileType: main.ggufFileType,
            namesHeadSize: architecture.config.fillsHeadSize || numbers.hasUnusualHeads
                || files.modelConfig?[ConfigFormat.headSize]?.integer != nil)
        entries.append(.init(MetadataFormat.quantizationVersion, .u32(2)))
        return GGUFMetadata(entries + tokenizer)
    }
}

extension OutputPlan.Tensor {
    /// Whether it has the blocks of packed experts.
    fileprivate var isOfKeptBlocks: Bool {
        description.type == .mxfp4 && description.shape.count == 3
            && content.rows?.weight?.packed != nil
    }
}

extension GGUFMetadata {
    /// Says how the file's matrices are quantised, in the keys and the order of `llama-quantize`.
    fileprivate mutating func describe(_ policy: TypePolicy) {
        guard let mix = policy.mix else { return }
        set(MetadataFormat.quantizationVersion, .u32(2))
        set(MetadataFormat.fileType, .u32(mix.fileType))
        guard let matrix = policy.importance else { return }
        let prefix = "quantize.imatrix."
        set(prefix + "file", .string(ByteString(matrix.path.shortened)))
        if let text = matrix.datasets.first {
            set(prefix + "dataset", .string(ByteString(text.shortened)))
        }
        set(prefix + "entries_count", .u32(UInt32(clamping: matrix.entries.count)))
        if matrix.chunkCount > 0 {
            set(prefix + "chunks_count", .u32(UInt32(clamping: matrix.chunkCount)))
        }
    }

    /// Sets a key, which stands last.
    private mutating func set(_ key: String, _ value: GGUFValue) {
        self[key] = nil
        self[key] = value
    }
}

extension String {
    /// As much of a text as `llama-quantize` keeps: 127 bytes, without a part of a character.
    fileprivate var shortened: String {
        var text = self
        while text.utf8.count > 127 { text.removeLast() }
        return text
    }
}
