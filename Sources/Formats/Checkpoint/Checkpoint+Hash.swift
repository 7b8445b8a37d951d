import Synchronization

extension Checkpoint {
    /// The weight files: the GGUF file with its splits, or the safetensors files.
    package var weightFiles: [String] {
        switch source {
        case .gguf(let gguf): gguf.shards.map(\.path)
        case .huggingFace(let files): files.shards.map { $0.file.path }
        }
    }

    /// The SHA-256 of the weights: of the file, as `sha256sum` prints it, or, where there are several, of their
    /// digests one after the other.
    ///
    /// It is computed once.
    ///
    /// - Parameter advance: told of the bytes of the weight files as they are read; of none where the hash is known.
    /// - Throws: `FileError` where a file cannot be read any more.
    package func weightsHash(advance: (Int) -> Void = { _ in }) throws(FileError) -> String {
        if let known = knownHash.withLock({ $0 }) { return known }
        let hash = try computedHash(advance)
        knownHash.withLock { $0 = hash }
        return hash
    }

    private func computedHash(_ advance: (Int) -> Void) throws(FileError) -> String {
        var digests: [String] = []
        for path in weightFiles {
            digests.append(try MappedFile(path: path).sha256(advance: advance))
        }
        guard digests.count > 1 else { return digests.first ?? "" }
        var hash = SHA256()
        for digest in digests { Array(digest.utf8).withUnsafeBytes { hash.update($0) } }
        return hash.hexDigest()
    }
}

// MARK: - All files

/// One of the files that make a checkpoint what it is.
package struct CheckpointFile: Sendable {
    /// Its name in the model's folder.
    package let name: String
    /// The bytes, for weights the very ones that the checkpoint reads, whatever has their name now.
    package let file: MappedFile
}

extension Checkpoint {
    /// All files: those of the weights, and in a folder what programs read beside them (configuration, tokenizer, chat
    /// templates, an adapter, the shards' index), by name.
    ///
    /// - Throws: `FileError` where one cannot be opened.
    package func files() throws(FileError) -> [CheckpointFile] {
        let weights = Dictionary(
            tensors.flatMap(\.parts).map { ($0.bytes.file.path, $0.bytes.file) },
            uniquingKeysWith: { $1 })
        var files: [CheckpointFile] = []
        for path in weightFiles {
            var file = weights[path]
            if file == nil { file = try MappedFile(path: path) }
            if let file { files.append(CheckpointFile(name: PathParts(path).name, file: file)) }
        }
        guard case .huggingFace(let model) = source else { return files }
        let own = Set(files.map(\.name))
        let others = Set(model.names + ModelFiles.companions(in: model.folder))
        for name in others.subtracting(own) {
            let path = PathParts.join(model.folder, name)
            files.append(CheckpointFile(name: name, file: try MappedFile(path: path)))
        }
        return files.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
}
