import Formats

/// What a call of `hash` is about: a model, or any one file.
struct HashTarget {
    let path: String
    let files: [HashedFile]
    /// None of a file that holds none, or packs them.
    let tensors: [StoredTensor]
    /// Nil where it is no GGUF file.
    let metadata: GGUFMetadata?

    /// The folder of the files.
    var folder: String { Folder.exists(path) ? path : PathParts(path).folder }

    /// - Throws: as `Checkpoint.open` for folders, and as the readers of the formats.
    init(_ path: String) throws {
        self.path = path
        guard !Folder.exists(path), !path.hasSuffix(".index.json") else {
            let checkpoint = try Checkpoint.open(path)
            files = try checkpoint.files().map { HashedFile(name: $0.name, file: $0.file) }
            metadata = nil
            if case .huggingFace(let model) = checkpoint.source {
                tensors = model.shards.flatMap(\.file.tensors)
            } else {
                tensors = []
            }
            return
        }
        let own = try MappedFile(path: path)
        switch FileContent.of(path) {
        case .gguf:
            let gguf = try GGUFFile.open(path)
            (tensors, metadata) = (gguf.tensors, gguf.metadata)
            files = try gguf.shards.map {
                HashedFile(name: PathParts($0.path).name, file: try MappedFile(path: $0.path))
            }
        case .safetensors:
            tensors = try SafetensorsFile(path: path).tensors
            metadata = nil
            files = [HashedFile(name: PathParts(path).name, file: own)]
        default:
            (tensors, metadata) = ([], nil)
            files = [HashedFile(name: PathParts(path).name, file: own)]
        }
    }
}

/// A file with its name in the model's folder.
struct HashedFile {
    let name: String
    let file: MappedFile
}
