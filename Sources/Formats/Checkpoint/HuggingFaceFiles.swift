import Foundation

/// The files of a model in Hugging Face's layout: `config.json` and safetensors weights, in one file or in shards.
package struct HuggingFaceFiles: Sendable {
    /// One weight file of the folder.
    package struct Shard: Sendable {
        /// The file's name inside the folder.
        package let name: String
        package let file: SafetensorsFile
    }

    package let folder: String
    /// The parsed `config.json`, or nil where there is none.
    package let config: JSONObject?
    /// What the folder is besides its text decoder; nil for a language model's own folder, and for others that rtedit does not
    /// know.
    package var wrapper: Wrapper? { Wrapper(config) }
    package let shards: [Shard]
    /// The name of the shard index, or nil for a single file.
    package let indexName: String?
    /// What is odd but harmless in the folder.
    package private(set) var warnings: [String] = []
    /// The parsed files that say how the weights are quantised, besides `config.json`.
    let quantizationFiles: [(name: String, object: JSONObject)]

    /// Opens the weights a folder holds: `model.safetensors` if there is one, as transformers does, else the shard
    /// index, else the only `.safetensors` file.
    ///
    /// - Throws: `CheckpointError.notAModel` where there is no such file, or several and no index.
    init(folder: String) throws {
        let path =
            folder == "/" ? folder : folder.hasSuffix("/") ? String(folder.dropLast()) : folder
        let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let weights = files.filter { $0.hasSuffix(".safetensors") }.sorted()
        let hasIndex = files.contains(SafetensorsIndex.fileName)
        if Self.isAdapter(files) {
            throw CheckpointError.notAModel(
                path: path,
                reason:
                    "the folder is an adapter (adapter_config.json, and no model beside it): "
                    + "merge it into its base")
        }
        if weights.contains(SafetensorsShards.singleName) {
            try self.init(weights: path + "/" + SafetensorsShards.singleName)
            guard hasIndex else { return }
            warnings.append(
                "\(path): holds \(SafetensorsShards.singleName) and \(SafetensorsIndex.fileName), two sets of "
                    + "weights: \(SafetensorsShards.singleName) is taken, as transformers does")
        } else if hasIndex {
            try self.init(index: path + "/" + SafetensorsIndex.fileName)
        } else if let part = weights.lazy.compactMap(SafetensorsPart.init).first {
            throw CheckpointError.notAModel(
                path: path,
                reason: "the folder has no \(SafetensorsIndex.fileName), only "
                    + part.fact(beside: files))
        } else if weights.count == 1 {
            try self.init(weights: path + "/" + weights[0])
        } else if weights.isEmpty {
            let gguf = files.filter { $0.hasSuffix(".gguf") }.sorted().first
            let hint =
                gguf.map { "; it holds \($0): name that file" } ?? Self.hint(of: files, in: path)
            throw CheckpointError.notAModel(
                path: path, reason: "the folder has no .safetensors file\(hint)")
        } else {
            throw CheckpointError.notAModel(
                path: path,
                reason: "the folder has \(weights.count) .safetensors files and no "
                    + "model.safetensors.index.json")
        }
    }

    /// What a folder without safetensors files holds in place of them.
    private static func hint(of files: [String], in folder: String) -> String {
        let ends = [".bin", ".pth", ".pt", ".ckpt", ".onnx", ".h5", ".msgpack", ".rtdelta"]
        for end in ends {
            guard let name = files.filter({ $0.hasSuffix(end) }).min(),
                let content = FileContent.of(PathParts.join(folder, name))
            else { continue }
            return "; \(name) in it is \(content.words)"
        }
        return ""
    }

    /// Whether a folder with these files is PEFT's.
    static func isAdapter(_ files: [String]) -> Bool {
        files.contains("adapter_config.json") && !files.contains("config.json")
            && !files.contains(SafetensorsIndex.fileName)
            && !files.contains(SafetensorsShards.singleName)
    }

    /// Whether these tensors are PEFT's, updates and nothing else.
    static func isAdapter(_ tensors: [StoredTensor]) -> Bool {
        !tensors.isEmpty
            && tensors.allSatisfy {
                $0.description.name.contains(".lora_")
                    || $0.description.name.hasPrefix("base_model.")
            }
    }

    /// Opens one safetensors file and the `config.json` beside it.
    init(weights path: String) throws {
        let url = URL(fileURLWithPath: path)
        folder = Self.folder(of: path)
        shards = [Shard(name: url.lastPathComponent, file: try SafetensorsFile(path: path))]
        indexName = nil
        config = try Self.config(in: folder)
        quantizationFiles = try Self.quantizationFiles(in: folder)
        if Self.isAdapter(shards[0].file.tensors) {
            throw CheckpointError.notAModel(
                path: path,
                reason:
                    "all its tensors are those of an adapter: merge it into its base")
        }
    }

    /// Opens every shard an index names.
    init(index path: String) throws {
        folder = Self.folder(of: path)
        indexName = URL(fileURLWithPath: path).lastPathComponent
        shards = try SafetensorsIndex(path: path).shards.map {
            Shard(name: URL(fileURLWithPath: $0.path).lastPathComponent, file: $0)
        }
        config = try Self.config(in: folder)
        quantizationFiles = try Self.quantizationFiles(in: folder)
    }

    /// The members that say what the language model is, as its own `config.json` has them: of the whole file, or of a
    /// multimodal folder's text decoder. Nil where there are none.
    var modelConfig: JSONObject? {
        guard let config, let wrapper else { return config }
        return wrapper.textConfig(of: config)
    }

    /// The family of the language model, or nil where rtedit does not know it.
    var architecture: Architecture? {
        guard let config, let name = config["model_type"]?.string else { return nil }
        guard let wrapper else { return Architecture.huggingFace(modelType: name) }
        return wrapper.architecture(config, names: shards.flatMap { $0.file.tensors.map(\.name) })
    }

    /// What errors call the place of those members.
    var modelConfigName: String { ConfigKeys.file(in: folder, wrapped: wrapper != nil) }

    /// The names of the weight files, the index and `config.json`, as far as there are any.
    var names: [String] {
        shards.map(\.name) + [indexName, config.map { _ in "config.json" }].compactMap(\.self)
    }

    /// The parsed `generation_config.json`, or nil where there is none.
    ///
    /// - Throws: as `JSONReader`, `CheckpointError.wrongValue` where it is no object.
    func generationConfig() throws -> JSONObject? {
        try Self.object("generation_config.json", in: folder)
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func config(in folder: String) throws -> JSONObject? {
        try object("config.json", in: folder)
    }

    private static func quantizationFiles(
        in folder: String
    ) throws -> [(name: String, object: JSONObject)] {
        try QuantizationDeclaration.fileNames.compactMap { name, _ in
            try object(name, in: folder).map { (name, $0) }
        }
    }

    private static func object(_ name: String, in folder: String) throws -> JSONObject? {
        let path = folder + "/" + name
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        guard
            let object = try JSONReader.parse(MappedFile(path: path).bytes, readsPython: true)
                .object
        else {
            throw CheckpointError.wrongValue(file: path, key: "", expected: "an object")
        }
        return object
    }
}
