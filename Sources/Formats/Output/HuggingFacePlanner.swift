import Foundation

/// Plans an output in Hugging Face's layout.
struct HuggingFacePlanner {
    let source: Checkpoint
    let changes: EditList

    /// Hugging Face to Hugging Face: tensors stay in their files; a new one joins the file of the weight it belongs
    /// to. `config.json` gains what the new tensors need; the folder's other files are copied.
    func plan(keeping files: HuggingFaceFiles) throws -> OutputPlan {
        var tensors: [OutputPlan.Tensor] = []
        let places = Dictionary(
            files.shards.enumerated().map { ($1.file.path, $0) },
            uniquingKeysWith: { first, _ in first })
        var shards: [String: Int] = [:]
        for tensor in source.tensors {
            shards[tensor.name] = tensor.parts.first.flatMap { places[$0.bytes.file.path] }
        }
        let planner = TensorPlanner(source: source, changes: changes, format: .safetensors)
        let packing = try PackingPlan(source, files, changes)
        for tensor in source.tensors {
            if packing.keeps(tensor) {
                tensors += tensor.parts.map { part in
                    OutputPlan.Tensor(
                        part.description, .tensor(part), shard: places[part.bytes.file.path] ?? 0
                    )
                }
                continue
            }
            for piece in planner.pieces(of: tensor) {
                tensors.append(
                    try planner.tensor(
                        named: planner.name(of: piece), from: piece, shard: shards[tensor.name] ?? 0
                    ))
            }
        }
        // Members of the language model, which may stand in a part of the file.
        var text = files.modelConfig
        var needsConfiguration = !packing.unpacked.isEmpty
        var notes: [String] = []
        if !changes.roles.isEmpty || changes.model != nil {
            let model = try changes.model ?? source.model()
            let architecture = model.architecture
            let biases = try biases(architecture, model.numbers)
            tensors += try newHead(architecture, model.numbers).map { head in
                try planner.newTensor(
                    named: head.name, role: head.role, shape: head.shape,
                    shard: shards[source.tensor(WeightRole(.tokenEmbedding))?.name ?? ""] ?? 0)
            }
            tensors += try biases.added.map { bias in
                let weight = architecture.name(of: WeightRole(bias.role.slot), in: .safetensors)
                return try planner.newTensor(
                    named: bias.name, role: bias.role, shape: [bias.width],
                    shard: weight.flatMap { shards[$0] } ?? 0)
            }
            if changes.model != nil, let own = text {
                (text, notes) = try model.config(
                    from: own, of: source.model(), flags: biases.flags)
            }
            if changes.weights[WeightRole(.output)] != nil, source.isAnnouncedTied {
                text?[Self.tieFlag] = .bool(false)
            }
            for (flag, value) in biases.flags where value { text?[flag] = .bool(true) }
            needsConfiguration =
                needsConfiguration || biases.flags.values.contains(true)
                || !newHead(architecture, model.numbers).isEmpty
        }
        var config = files.config
        if let whole = config, let text {
            config = packing.config(files.wrapper?.config(whole, with: text) ?? text)
        }
        if let type = changes.types?.plainType {
            config?.setType(Hyperparameters.torchName(type))
        }
        for change in changes.members { config?[change.key] = change.value }
        if let assignment = changes.assignments.first, config == nil {
            throw CheckpointError.cannotExpress(
                fact:
                    "\(assignment.key.quoted) of config.json is to be set, but bare weights have none"
            )
        }
        needsConfiguration = needsConfiguration || !changes.assignments.isEmpty
        try config?.assign(changes.assignments)
        let history = try history()
        let isNoted = history != nil
        var (copies, skipped) = try otherFiles(files)
        copies.removeAll {
            packing.replacedFiles.contains($0) || isNoted && $0 == EditHistory.fileName
        }
        return OutputPlan(
            source: source, tensors: tensors,
            container: .huggingFace(
                OutputPlan.HuggingFaceLayout(
                    config: config,
                    shards: files.shards.map {
                        .init(
                            name: $0.name,
                            metadata: packing.metadata($0.file.metadata).filter {
                                !(isNoted && $0.key == EditHistory.weightsKey)
                            })
                    },
                    isIndexed: files.indexName != nil, sourceFolder: files.folder, copies: copies,
                    files: packing.otherFiles, history: history,
                    needsConfiguration: needsConfiguration)),
            notes: notes + separation + packing.notes
                + Folder.note(linksIn: files.folder, files.names + copies)
                + (skipped.isEmpty
                    ? []
                    : [
                        "not copied: \(skipped.joined(separator: ", ")) (other weights, folders or no "
                            + "regular files)"
                    ])
        )
    }

    /// What the output is to say of what was done to the model; nil where it says nothing, or its source's files do.
    private func history() throws -> EditHistory? {
        if let change = changes.history {
            return try source.history().applying(change, to: source.name)
        }
        guard let history = try? source.history(), !history.edits.isEmpty else { return nil }
        return history
    }

    /// Says that the output has other tensors than the source's files.
    private var separation: [String] {
        guard source.hasFusedExperts else { return [] }
        return [
            "experts that lie in one tensor of a block are written one by one, as published folders have them"
        ]
    }

    /// GGUF to Hugging Face: every tensor is renamed, its rows put back in order; what safetensors cannot hold is
    /// widened to f32 without loss unless another type is asked for.
    func planFromGGUF(_ gguf: GGUFFile) throws -> OutputPlan {
        let architecture = try changes.model?.architecture ?? source.requireArchitecture()
        var numbers = try changes.model?.numbers ?? source.hyperparameters()
        // The copy that llama.cpp wants of a tied head.
        let isCopy =
            architecture.rule(for: .output)?.presence == .unlessTiedInHuggingFace
            && source.head == .copyOfEmbedding && changes.roles.isEmpty
        if isCopy { numbers.tiesEmbeddings = true }
        if changes.weights[WeightRole(.output)] != nil { numbers.tiesEmbeddings = false }
        let prediction = changes.model == nil ? source.prediction : .none
        numbers.predictionBlocks = prediction.count
        let carried = Set(source.predictors.map(\.name))
        for tensor in source.tensors where tensor.role == nil && !carried.contains(tensor.name) {
            throw CheckpointError.unknownTensor(
                file: source.path, name: tensor.name, architecture: architecture.name)
        }
        var tensors: [OutputPlan.Tensor] = []
        let planner = TensorPlanner(source: source, changes: changes, format: .safetensors)
        for tensor in modules(architecture, planner, prediction) {
            if let fused = try fusedTensor(
                beginningWith: tensor, architecture, planner, prediction)
            {
                tensors.append(fused)
            }
            // Lists of rotary divisors go to config.json, scales into the matrices.
            guard let role = tensor.role, architecture.rule(for: role.slot)?.huggingFace != nil,
                role.part.isOfValues, !(isCopy && role.slot == .output)
            else { continue }
            guard let name = architecture.folderName(of: role, numbers) else {
                throw CheckpointError.cannotExpress(
                    fact: "transformers' '\(architecture.huggingFaceModelType)' has no place for "
                        + "tensor '\(tensor.name)' of \(source.path)")
            }
            tensors.append(try planner.tensor(named: name, from: tensor))
        }
        let biases = try biases(architecture, numbers)
        tensors += try newHead(architecture, numbers).map {
            try planner.newTensor(named: $0.name, role: $0.role, shape: $0.shape)
        }
        tensors += try biases.added.map {
            try planner.newTensor(named: $0.name, role: $0.role, shape: [$0.width])
        }
        let tokenizer = try source.tokenizer()
        var config = numbers.config(
            architecture: architecture, biasFlags: biases.flags, type: planner.types.main,
            tokenizer: tokenizer)
        for change in changes.members { config[change.key] = change.value }
        try config.assign(changes.assignments)
        let (tokenizerFiles, tokenizerLosses) = try tokenizer.huggingFaceOutput(
            config: config, file: source.path)
        var losses = try ConversionLoss.notes(of: numbers, in: config, architecture)
        losses += tokenizerLosses
        let unread = source.unreadKeys
        if !unread.isEmpty {
            losses.append(
                "llama.cpp does not read for '\(architecture.name)', and the folder does not get: "
                    + unread.joined(separator: ", "))
        }
        let widened =
            source.tensors.contains { $0.type.isQuantized } && changes.types?.plainType == nil
        return OutputPlan(
            source: source, tensors: tensors,
            container: .huggingFace(
                OutputPlan.HuggingFaceLayout(
                    config: config,
                    shards: [
                        .init(
                            name: SafetensorsShards.singleName,
                            metadata: [SafetensorsMetadata("format", "pt")])
                    ],
                    isIndexed: false, sourceFolder: "", copies: [],
                    files: (tokenizerFiles
                        + [generation(tokenizer, gguf.metadata)]).map { ($0.name, $0.bytes) },
                    history: try history(),
                    needsConfiguration: biases.flags.values.contains(true)
                        || !changes.assignments.isEmpty
                        || !newHead(architecture, numbers).isEmpty)),
            notes: losses + source.leftOutPredictors(prediction)
                + (source.tensors.contains { $0.role?.part == .scale }
                    ? [
                        "matrices are multiplied by the scales beside them, and the products rounded to f32"
                    ]
                    : [])
                + (widened
                    ? [
                        "quantised tensors are widened to f32 without loss; --type bf16 or f16 takes half the space"
                    ]
                    : []))
    }

    /// The fused matrix that a tensor and others of its block are in a folder, where it is the first of its parts.
    private func fusedTensor(
        beginningWith tensor: WeightTensor, _ architecture: Architecture, _ planner: TensorPlanner,
        _ prediction: PredictionBlocks
    ) throws -> OutputPlan.Tensor? {
        guard let role = tensor.role, let fused = architecture.fused(role, in: .safetensors),
            case .block(let block, let slot) = fused.slot,
            role.slot == .block(block, slot.parts[0]),
            let name = try architecture.folderName(
                of: fused, changes.model?.numbers ?? source.storedHyperparameters())
        else { return nil }
        let parts = slot.parts.map { WeightRole.block(block, $0, role.part) }
            .compactMap { source.tensor($0) ?? prediction.tensor($0) }
        if fused.slot.isOfExperts { return try planner.turns(named: name, from: parts) }
        if slot == .deltaQueryKeyValueGate {
            return try planner.deltaMatrix(named: name, role: fused, from: parts)
        }
        return try planner.stack(named: name, from: parts, isFused: true)
    }

    /// The file that tells transformers where generation begins and ends.
    private func generation(
        _ tokenizer: TokenizerDefinition, _ metadata: GGUFMetadata
    ) -> HuggingFaceTokenizerFile {
        // All tokens by which rtedit stops: transformers knows none by its text.
        let ends = tokenizer.endOfGeneration.sorted().map { JSONValue.integer($0) }
        let identifiers: [(String, JSONValue?)] = [
            ("bos_token_id", tokenizer.beginningOfText.map { .integer($0) }),
            ("eos_token_id", ends.count > 1 ? .array(ends) : ends.first),
            ("pad_token_id", tokenizer.padding.map { .integer($0) }),
        ]
        let members = identifiers.compactMap { key, value in
            value.map { JSONObject.Member(key, $0) }
        }
        let sampling = SamplingSettings.members(from: metadata)
        return HuggingFaceTokenizerFile(
            "generation_config.json", .object(JSONObject(members + sampling)))
    }

    /// The source's tensors in the order of the architecture, which is that of transformers' modules: model, then block
    /// by block, then model; of each expert one.
    private func modules(
        _ architecture: Architecture, _ planner: TensorPlanner, _ prediction: PredictionBlocks
    ) -> [WeightTensor] {
        let rules = architecture.weights + (architecture.prediction?.weights ?? [])
        let firstOfBlock =
            rules.firstIndex { if case .blocks = $0.place { true } else { false } }
            ?? rules.count
        let ranked = (source.tensors + prediction.weights).flatMap(planner.pieces).flatMap {
            tensor -> [(rank: [Int], tensor: WeightTensor)] in
            guard let role = tensor.role,
                let rule = rules.firstIndex(where: { $0.place.matches(role.slot) })
            else { return [] }
            let part = role.part == .weight ? 0 : 1
            guard let block = role.block else {
                return [([rule < firstOfBlock ? 0 : 2, 0, rule, part], tensor)]
            }
            let tensors = rules[rule].hasExperts ? tensor.matrices : [tensor]
            return tensors.map { ([1, block, rule, part, $0.role?.expert ?? 0], $0) }
        }
        return ranked.sorted { $0.rank.lexicographicallyPrecedes($1.rank) }.map(\.tensor)
    }

    /// The member of `config.json` that announces the embedding as the head.
    private static let tieFlag = "tie_word_embeddings"

    /// A head of its own that an edit gives a model whose head is the embedding.
    private func newHead(
        _ architecture: Architecture, _ numbers: Hyperparameters
    ) -> [(role: WeightRole, name: String, shape: [Int])] {
        let role = WeightRole(.output)
        guard changes.weights[role] != nil, source.tensor(role) == nil,
            let rule = architecture.rule(for: role.slot),
            let name = architecture.name(of: role, in: .safetensors)
        else { return [] }
        return [(role, name, rule.shape(of: role, in: numbers, format: .safetensors))]
    }

    /// The biases an output needs beyond those the source has, and the flags of `config.json` that announce them.
    ///
    /// A flag makes transformers create the biases of several projections in every block; those that no edit sets
    /// are zeros.
    private func biases(
        _ architecture: Architecture, _ numbers: Hyperparameters
    ) throws -> (added: [(role: WeightRole, name: String, width: Int)], flags: [String: Bool]) {
        var flags: [String: Bool] = [:]
        for rule in architecture.weights {
            guard let flag = rule.bias?.huggingFaceFlag else { continue }
            let isUsed = rule.roles(in: numbers, part: .bias).contains {
                changes.weights[$0] != nil || source.tensor($0) != nil
            }
            flags[flag] = (flags[flag] ?? false) || isUsed
        }
        var added: [(role: WeightRole, name: String, width: Int)] = []
        for rule in architecture.weights {
            guard let flag = rule.bias?.huggingFaceFlag, flags[flag] == true else { continue }
            for role in rule.roles(in: numbers, part: .bias)
            where source.tensor(role) == nil {
                guard let name = architecture.name(of: role, in: .safetensors) else { continue }
                added.append((role, name, rule.shape(of: role, in: numbers).first ?? 0))
            }
        }
        let reachable = Set(added.map(\.role) + newHead(architecture, numbers).map(\.role))
        for role in changes.roles where source.tensor(role) == nil && !reachable.contains(role) {
            throw CheckpointError.cannotExpress(
                fact:
                    "a Hugging Face '\(architecture.huggingFaceModelType)' checkpoint has no \(role)"
            )
        }
        return (added, flags)
    }

    /// The folder's files beside this checkpoint's weights and `config.json`: those to copy, and those left out
    /// because they hold other weights, which the edit would not reach, or are folders.
    private func otherFiles(_ files: HuggingFaceFiles) throws -> (
        copies: [String], skipped: [String]
    ) {
        guard files.config != nil else { return ([], []) }
        let own = Set(files.shards.map(\.name) + [files.indexName ?? "", "config.json"])
        let weights = [
            ".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pth", ".pt",
            ".gguf", ".h5", ".msgpack", ".onnx",
        ]
        var copies: [String] = []
        var skipped: [String] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: files.folder).sorted()
        where !own.contains(name) && !name.hasPrefix(".") {
            let isFile = OutputTarget.isRegularFile(files.folder + "/" + name)
            if !isFile || weights.contains(where: name.hasSuffix) {
                skipped.append(name)
            } else {
                copies.append(name)
            }
        }
        return (copies, skipped)
    }
}

extension JSONObject {
    /// Says of which type the weights are: in the file's own words, and where it says so of the text decoder too.
    fileprivate mutating func setType(_ name: String) {
        self[self["dtype"] != nil ? "dtype" : "torch_dtype"] = .string(name)
        guard var text = self[Wrapper.textKey]?.object else { return }
        for key in ["dtype", "torch_dtype"] where text[key] != nil { text[key] = .string(name) }
        self[Wrapper.textKey] = .object(text)
    }
}
