import Foundation

/// What an adapter says of itself, read without its base: where it comes from, what it updates and how strongly.
package struct AdapterSummary: Sendable {
    /// Whose files hold the adapter: PEFT's folder or llama.cpp's GGUF.
    package enum Format: String, Sendable { case peft, gguf }

    /// One weight that is updated.
    package struct Update: Sendable, Hashable {
        package let name: String
        /// Nil where it is no low-rank update.
        package let rank: Int?
    }

    package let path: String
    package let format: Format
    /// `LORA` or another method of PEFT, `lora` in a GGUF file; nil where the files do not say.
    package let method: String?
    /// The base as the files name it.
    package let base: String?
    /// The architecture that a GGUF file is for.
    package let architecture: String?
    /// The rank that a PEFT configuration names.
    package let rank: Int?
    package let alpha: Double?
    /// Whether the scale is alpha / √rank.
    package let isRankStabilized: Bool
    /// In the order of the file.
    package let updates: [Update]
    package let tensors: [StoredTensor]
    /// Why it cannot be merged into any base; nil where only the base can tell.
    package let obstacle: (any Error)?
    /// The configuration of a PEFT folder, or the metadata of a GGUF file.
    package let settings: Settings

    /// What the file says of itself, by its format.
    package enum Settings: Sendable {
        case config(JSONObject)
        case metadata(GGUFMetadata)
    }

    /// - Parameter path: a PEFT folder, the weights in it, or a GGUF file
    /// - Throws: `FileError`, `JSONError`, `SafetensorsError` and `GGUFError` where a file cannot be read, `AdapterError`
    ///   where one is missing.
    package init(path: String) throws {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        if exists, isFolder.boolValue {
            try self.init(path: path, folder: PEFTFolder(path: path))
        } else if FileContent.of(path) == .gguf {
            try self.init(gguf: GGUFFile.open(path), path: path)
        } else {
            try self.init(path: path, folder: PEFTFolder(weights: path))
        }
    }

    private init(path: String, folder: PEFTFolder) throws {
        let keys = try folder.keys()
        let (object, weights) = (keys.object, folder.weights)
        tensors = try SafetensorsFile(path: weights).tensors
        // What a base makes of `fan_in_fan_out` is not known here.
        var obstacle: (any Error)?
        var method: (any PEFTMethod.Type)?
        do { method = try PEFTRequest(keys, isTransposed: nil).method } catch { obstacle = error }
        var names = PEFTContents()
        for tensor in tensors {
            do {
                names.add(try PEFTTensorName(tensor.name, of: method, in: weights), tensor)
            } catch {
                obstacle = obstacle ?? error
            }
        }
        self.path = path
        format = .peft
        self.method = object["peft_type"]?.string
        base = object["base_model_name_or_path"]?.string
        architecture = nil
        rank = object["r"]?.integer
        alpha = object["lora_alpha"]?.number ?? object["alpha"]?.number
        isRankStabilized = object["use_rslora"]?.bool ?? false
        updates = names.updates
        if updates.isEmpty, obstacle == nil {
            obstacle = AdapterError.notAnAdapter(path: path, reason: "it has no updates")
        }
        self.obstacle = obstacle
        settings = .config(object)
    }

    private init(gguf: GGUFFile, path: String) throws {
        let metadata = gguf.metadata
        tensors = gguf.tensors
        updates = tensors.filter { $0.name.hasSuffix(".lora_b") }.map {
            Update(name: String($0.name.dropLast(".lora_b".count)), rank: $0.shape.last ?? 0)
        }
        self.path = path
        format = .gguf
        method = metadata["adapter.type"]?.text
        base = metadata["general.base_model.0.name"]?.text
        architecture = metadata["general.architecture"]?.text
        rank = nil
        alpha = metadata["adapter.lora.alpha"]?.number
        isRankStabilized = false
        obstacle = GGUFAdapterFile.obstacle(gguf, path: path)
        settings = .metadata(metadata)
    }

    /// The ranks of the updates, each once, ascending.
    package var ranks: [Int] { Set(updates.compactMap(\.rank)).sorted() }
}

/// The modules that a PEFT folder changes, gathered from the names of its tensors.
private struct PEFTContents {
    private(set) var updates: [AdapterSummary.Update] = []
    private var names: Set<ExactString> = []

    mutating func add(_ name: PEFTTensorName, _ tensor: StoredTensor) {
        switch name {
        case .matrix(let module, _, .b), .embedding(let module, .b):
            add(module, rank: tensor.shape.last ?? 0)
        case .part(let module, _): add(module, rank: nil)
        case .tokens(let module): add(module, rank: nil)
        case .whole(let module, let part, isBeside: false):
            add("\(module).\(part.rawValue)", rank: nil)
        case .matrix, .embedding, .magnitude, .updateBias, .shared, .whole: break
        }
    }

    private mutating func add(_ name: String, rank: Int?) {
        guard names.insert(ExactString(name)).inserted else { return }
        updates.append(AdapterSummary.Update(name: name, rank: rank))
    }
}

extension GGUFAdapterFile {
    /// Why a file cannot be merged into any base; nil where only the base can tell.
    fileprivate static func obstacle(_ file: GGUFFile, path: String) -> AdapterError? {
        if let kind = file.metadata["adapter.type"]?.text, kind != "lora" {
            return .notAnAdapter(path: path, reason: "adapter.type is '\(kind)', not 'lora'")
        }
        if let other = file.tensors.first(where: { tensor in
            let name = tensor.description.name
            return !name.hasSuffix(".lora_a") && !name.hasSuffix(".lora_b")
        }) {
            return .unsupportedTensor(
                file: path, tensor: other.description.name,
                reason: "ends neither in .lora_a nor in .lora_b")
        }
        return file.tensors.isEmpty
            ? .notAnAdapter(path: path, reason: "it has no updates") : nil
    }
}
