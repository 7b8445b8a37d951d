import Foundation

/// A LoRA adapter in the layout of Hugging Face's PEFT: `adapter_config.json` and `adapter_model.safetensors`.
///
/// A tensor is named `base_model.model.` + module + `.lora_A.weight` (rank, inputs) or `.lora_B.weight` (outputs, rank).
struct PEFTFolder {
    /// The folder, or the weights file in it.
    let path: String
    private let isFile: Bool

    init(path: String) {
        self.path = path
        isFile = false
    }

    /// - Parameter file: the weights, beside which the configuration is
    init(weights file: String) {
        path = file
        isFile = true
    }

    private static let weightsName = "adapter_model.safetensors"
    private static let configurationName = "adapter_config.json"

    // MARK: - Reading

    /// - Throws: as `Adapter.read`.
    func read(for base: Checkpoint) throws -> Adapter {
        let (configurationPath, object) = try configurationObject()
        let configuration = try PEFTConfiguration(
            object, isTransposed: try base.requireArchitecture().isTransposedInHuggingFace,
            file: configurationPath)
        let weights = weights
        var tensors = AdapterTensors(
            file: weights, base: base, format: .safetensors, suffixes: PEFTTensorName.suffixes)
        for tensor in try SafetensorsFile(path: weights).tensors {
            try Self.take(tensor, into: &tensors, configuration)
        }
        try checkParameters(tensors, configuration)
        let scale = { (rank: Int, pair: AdapterTensors.Pair) in
            let expected = try configuration.rank(of: pair.name)
            guard rank == expected else {
                throw AdapterError.wrongRank(
                    file: weights, tensor: pair.a?.name ?? pair.name, found: rank,
                    expected: expected)
            }
            return try configuration.scale(of: pair.name)
        }
        try tensors.settleTiedHead(isOneUpdate: configuration.ensuresWeightTying, scale: scale)
        let updates = try tensors.updates(scale: scale)
        guard !updates.isEmpty else {
            throw AdapterError.notAnAdapter(path: path, reason: "it has no updates")
        }
        return Adapter(
            updates: updates, rank: configuration.rank, alpha: Float(configuration.plainAlpha),
            notes: configuration.notes)
    }

    /// The file of the weights.
    var weights: String { isFile ? path : PathParts.join(path, Self.weightsName) }

    /// The configuration beside the weights, and its path.
    ///
    /// - Throws: `AdapterError` where it or the weights are missing, or it is no object; `FileError`, `JSONError`.
    func configurationObject() throws -> (file: String, object: JSONObject) {
        let folder = isFile ? PathParts(path).folder : path
        let file = PathParts.join(folder, Self.configurationName)
        for needed in [file, weights] where !FileManager.default.fileExists(atPath: needed) {
            throw AdapterError.notAnAdapter(path: path, reason: "\(needed) is missing")
        }
        guard let object = try JSONReader.parse(MappedFile(path: file).bytes).object else {
            throw AdapterError.wrongValue(file: file, key: "", expected: "an object")
        }
        return (file, object)
    }

    /// Sorts a tensor in, or compares it with the base's where it is a weight of the base.
    private static func take(
        _ tensor: StoredTensor, into tensors: inout AdapterTensors,
        _ configuration: PEFTConfiguration
    ) throws {
        switch try PEFTTensorName(tensor.name, in: tensors.file) {
        case .copy(let module, let isAlone):
            let role = try tensors.role(of: module + ".weight", for: tensor)
            guard !isAlone || role.slot == .tokenEmbedding || role.slot == .output else {
                throw AdapterError.unsupportedTensor(
                    file: tensors.file, tensor: tensor.name,
                    reason: "is a whole weight and no update, which is not supported")
            }
            try BaseCopy(file: tensors.file, tensor: tensor, role: role, base: tensors.base).check()
        case .embedding(let module, let half):
            let role = try tensors.role(of: module + ".weight", for: tensor)
            try tensors.add(
                tensor, half, of: .init(role: role, form: .embedding), name: module)
        case .matrix(let module, let depth, let half):
            if let block = FusedExperts.block(of: module),
                tensors.base.architecture?.hasExperts ?? false
            {
                let targets = parameters(of: module, configuration)
                guard depth < targets.count, let slot = targets.dropLast(depth).last?.slots.first
                else {
                    throw AdapterError.unknownTarget(
                        file: tensors.file, tensor: tensor.name, base: tensors.base.path)
                }
                let parameter = targets[targets.count - 1 - depth]
                try tensors.add(
                    tensor, half,
                    of: .init(role: .block(block, slot), form: .parameter(parameter.slots)),
                    name: "\(module).\(parameter.name)")
                return
            }
            guard depth == 0 else {
                throw AdapterError.unknownTarget(
                    file: tensors.file, tensor: tensor.name, base: tensors.base.path)
            }
            let router = FusedExperts.router(of: module)
            let role =
                if let router, tensors.has(router) {
                    router
                } else {
                    try tensors.role(of: module + ".weight", for: tensor)
                }
            let parameter = module + ".weight"
            try tensors.add(
                tensor, half, of: .init(role: role, form: .matrix),
                name: configuration.targets(parameter: parameter) ? parameter : module)
        }
    }

    /// The parameters of a module of experts that the adapter updates. PEFT wraps the module once for each, in the order in
    /// which the module declares them: the first is the innermost.
    private static func parameters(
        of module: String, _ configuration: PEFTConfiguration
    ) -> [FusedExperts.Parameter] {
        FusedExperts.parameters.filter {
            configuration.targets(parameter: "\(module).\($0.name)")
        }
    }

    /// Refuses an adapter that has updates of some parameters of a module only, since their names then tell others.
    private func checkParameters(
        _ tensors: AdapterTensors, _ configuration: PEFTConfiguration
    ) throws(AdapterError) {
        for (target, pair) in tensors.pairs {
            guard case .parameter = target.form, let block = target.role.block,
                let present = pair.a ?? pair.b
            else { continue }
            let module = pair.name.split(separator: ".").dropLast().joined(separator: ".")
            for parameter in Self.parameters(of: module, configuration) {
                let other = AdapterTensors.Target(
                    role: .block(block, parameter.slots[0]), form: .parameter(parameter.slots))
                guard tensors.pairs[other] == nil else { continue }
                throw .missingHalf(
                    file: tensors.file, tensor: present.name,
                    missing:
                        "the update of \(module).\(parameter.name), which target_parameters names")
            }
        }
    }

    // MARK: - Writing

    /// - Throws: as `Adapter.write`.
    func write(
        _ adapter: Adapter, for base: Checkpoint, baseName: String?, replacing: Bool
    ) throws {
        let updates = try adapter.updates(for: base, in: .safetensors)
        let tensors = updates.flatMap { module, update in
            let name = PEFTTensorName.prefix + module
            return [
                TensorFile.Tensor.floats(
                    name + PEFTTensorName.suffixes.a, shape: [update.rank, update.inputs]
                ) { update.a },
                .floats(
                    name + PEFTTensorName.suffixes.b, shape: [update.outputs, update.rank]
                ) { update.b },
            ]
        }
        let configuration = try Self.configuration(
            adapter, updates, for: base, baseName: baseName)
        let folder = try OutputFolder(path: path, replacing: replacing)
        let file = try TensorFile(
            tensors, metadata: [SafetensorsMetadata("format", "pt")],
            path: PathParts.join(path, Self.weightsName))
        try file.append(to: try folder.create(Self.weightsName, reserving: file.size))
        try folder.create(Self.configurationName).append(
            JSONWriter(.indented).bytes(.object(configuration)) + Array("\n".utf8))
        let own = [Self.weightsName, Self.configurationName]
        try folder.commit(
            removing: ModelFiles.adapterNames(in: folder.path).filter { !own.contains($0) })
    }

    /// The keys PEFT needs, in the order in which it writes them.
    private static func configuration(
        _ adapter: Adapter, _ updates: [(module: String, update: LowRankUpdate)],
        for base: Checkpoint, baseName: String?
    ) throws -> JSONObject {
        var ranks = JSONObject()
        var alphas = JSONObject()
        let scale = Float(Double(adapter.alpha) / Double(adapter.rank))
        for (module, update) in updates {
            if update.rank != adapter.rank { ranks[module] = .integer(update.rank) }
            if update.rank != adapter.rank || update.scale != scale {
                alphas[module] = number(Double(update.scale) * Double(update.rank))
            }
        }
        return JSONObject([
            .init("alpha_pattern", .object(alphas)),
            .init("base_model_name_or_path", baseName.map { .string($0) } ?? .null),
            .init("bias", .string("none")),
            .init(
                "fan_in_fan_out",
                .bool(try base.requireArchitecture().isTransposedInHuggingFace)),
            .init("inference_mode", .bool(true)), .init("init_lora_weights", .bool(true)),
            .init("lora_alpha", number(Double(adapter.alpha))), .init("lora_dropout", .number(0)),
            .init("modules_to_save", .null), .init("peft_type", .string("LORA")),
            .init("r", .integer(adapter.rank)), .init("rank_pattern", .object(ranks)),
            .init(
                "target_modules",
                .array(
                    targets(updates, blocks: try base.hyperparameters().blockCount)
                        .map { .string($0) })),
            .init("task_type", .string("CAUSAL_LM")), .init("use_dora", .bool(false)),
            .init("use_rslora", .bool(false)),
        ])
    }

    /// The last part of a module's name where every block's is updated, else whole names.
    private static func targets(
        _ updates: [(module: String, update: LowRankUpdate)], blocks: Int
    ) -> [String] {
        let groups = Dictionary(grouping: updates.map(\.module)) {
            $0.split(separator: ".").last.map(String.init) ?? $0
        }
        return groups.flatMap { $0.value.count == blocks ? [$0.key] : $0.value }.sorted()
    }

    private static func number(_ value: Double) -> JSONValue {
        Int(exactly: value).map { .integer($0) } ?? .number(value)
    }
}
