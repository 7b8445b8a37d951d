import Foundation

/// A LoRA adapter in the layout of Hugging Face's PEFT: `adapter_config.json` and `adapter_model.safetensors`.
///
/// A tensor is named `base_model.model.` + module + `.lora_A.weight` (rank, inputs) or `.lora_B.weight` (outputs, rank).
struct PEFTFolder {
    /// The folder, or the weights file in it.
    let path: String

    private static let weightsName = "adapter_model.safetensors"
    private static let configurationName = "adapter_config.json"
    private static let prefix = "base_model.model."
    private static let suffixes = (a: ".lora_A.weight", b: ".lora_B.weight")

    // MARK: - Reading

    /// - Throws: as `Adapter.read`.
    func read(for base: Checkpoint) throws -> Adapter {
        let isFile = path.hasSuffix(".safetensors")
        let folder = isFile ? PathParts(path).folder : path
        let weights = isFile ? path : PathParts.join(folder, Self.weightsName)
        let configurationPath = PathParts.join(folder, Self.configurationName)
        let configuration = try configuration(
            at: configurationPath, weights: weights,
            isTransposed: try base.requireArchitecture().isTransposedInHuggingFace)
        var tensors = AdapterTensors(
            file: weights, base: base, format: .safetensors, suffixes: Self.suffixes)
        for tensor in try SafetensorsFile(path: weights).tensors {
            let name = tensor.description.name
            let (module, half) = try Self.parse(name, in: weights)
            try tensors.add(
                CheckpointTensor(description: tensor.description, bytes: tensor.bytes), half,
                of: module + ".weight")
        }
        let updates = try tensors.updates { role, rank, tensor in
            let module = String(
                tensor.dropFirst(Self.prefix.count).dropLast(Self.suffixes.a.count))
            guard rank == configuration.rank(of: module) else {
                throw AdapterError.wrongRank(
                    file: weights, tensor: tensor, found: rank,
                    expected: configuration.rank(of: module))
            }
            return configuration.scale(of: module)
        }
        guard !updates.isEmpty else {
            throw AdapterError.notAnAdapter(path: path, reason: "it has no updates")
        }
        return Adapter(
            updates: updates, rank: configuration.rank, alpha: Float(configuration.plainAlpha))
    }

    private func configuration(
        at file: String, weights: String, isTransposed: Bool
    ) throws -> PEFTConfiguration {
        for needed in [file, weights] where !FileManager.default.fileExists(atPath: needed) {
            throw AdapterError.notAnAdapter(path: path, reason: "\(needed) is missing")
        }
        guard let object = try JSONReader.parse(MappedFile(path: file).bytes).object else {
            throw AdapterError.wrongValue(file: file, key: "", expected: "an object")
        }
        return try PEFTConfiguration(object, isTransposed: isTransposed, file: file)
    }

    /// The module and the half that a tensor's name tells.
    private static func parse(
        _ name: String, in file: String
    ) throws(AdapterError) -> (module: String, half: AdapterTensors.Half) {
        if name.hasPrefix(prefix) {
            let rest = name.dropFirst(prefix.count)
            if rest.hasSuffix(suffixes.a) { return (String(rest.dropLast(suffixes.a.count)), .a) }
            if rest.hasSuffix(suffixes.b) { return (String(rest.dropLast(suffixes.b.count)), .b) }
        }
        let reason =
            name.contains("lora_magnitude_vector")
            ? "belongs to DoRA, which is not supported"
            : name.contains("lora_embedding")
                ? "updates the embedding, which is not supported"
                : "is neither \(prefix)….lora_A.weight nor ….lora_B.weight"
        throw .unsupportedTensor(file: file, tensor: name, reason: reason)
    }

    // MARK: - Writing

    /// - Throws: as `Adapter.write`.
    func write(
        _ adapter: Adapter, for base: Checkpoint, baseName: String?, replacing: Bool
    ) throws {
        let updates = try adapter.updates(for: base, in: .safetensors)
        var contents: [ExactString: [Float]] = [:]
        var descriptions: [TensorDescription] = []
        for (module, update) in updates {
            let names = (
                Self.prefix + module + Self.suffixes.a, Self.prefix + module + Self.suffixes.b
            )
            contents[ExactString(names.0)] = update.a
            contents[ExactString(names.1)] = update.b
            descriptions += [
                TensorDescription(name: names.0, type: .f32, shape: [update.rank, update.inputs]),
                TensorDescription(name: names.1, type: .f32, shape: [update.outputs, update.rank]),
            ]
        }
        let configuration = try Self.configuration(
            adapter, updates, for: base, baseName: baseName)
        let folder = try OutputFolder(path: path, replacing: replacing)
        let header = try SafetensorsHeader(
            path: PathParts.join(path, Self.weightsName), tensors: descriptions,
            metadata: [SafetensorsMetadata("format", "pt")])
        let weights = try folder.create(Self.weightsName, reserving: header.fileSize)
        try weights.append(header.bytes)
        for placement in header.layout {
            let values = contents[ExactString(placement.description.name)] ?? []
            try values.withUnsafeBytes { try weights.append($0) }
        }
        try folder.create(Self.configurationName).append(
            JSONWriter(.indented).bytes(.object(configuration)) + Array("\n".utf8))
        try folder.commit()
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
