import Foundation

/// An adapter in the layout of Hugging Face's PEFT: `adapter_config.json` and `adapter_model.safetensors`.
///
/// A tensor of a LoRA is named `base_model.model.` + module + `.lora_A.weight` (rank, inputs) or `.lora_B.weight` (outputs, rank).
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

    static let weightsName = "adapter_model.safetensors"
    private static let configurationName = "adapter_config.json"

    // MARK: - Reading

    /// - Throws: as `Adapter.read`.
    func read(for base: Checkpoint) throws -> Adapter {
        let request = try PEFTRequest(
            try keys(), isTransposed: try base.requireArchitecture().isTransposedInHuggingFace)
        var reader = PEFTReader(request, file: weights, base: base)
        for tensor in try SafetensorsFile(path: weights).tensors { try reader.take(tensor) }
        return try reader.adapter(path: path)
    }

    /// The file of the weights.
    var weights: String { isFile ? path : PathParts.join(path, Self.weightsName) }

    /// The configuration beside the weights.
    ///
    /// - Throws: `AdapterError` where it or the weights are missing, or it is no object; `FileError`, `JSONError`.
    func keys() throws -> PEFTKeys {
        let folder = isFile ? PathParts(path).folder : path
        let file = PathParts.join(folder, Self.configurationName)
        for needed in [file, weights] where !FileManager.default.fileExists(atPath: needed) {
            throw AdapterError.notAnAdapter(path: path, reason: "\(needed) is missing")
        }
        guard let object = try JSONReader.parse(MappedFile(path: file).bytes).object else {
            throw AdapterError.wrongValue(file: file, key: "", expected: "an object")
        }
        return PEFTKeys(object: object, file: file)
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
