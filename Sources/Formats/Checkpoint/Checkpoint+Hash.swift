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
    /// - Throws: `FileError` where a file cannot be read any more.
    package func weightsHash() throws(FileError) -> String {
        if let known = knownHash.withLock({ $0 }) { return known }
        let hash = try computedHash()
        knownHash.withLock { $0 = hash }
        return hash
    }

    private func computedHash() throws(FileError) -> String {
        var digests: [String] = []
        for path in weightFiles { digests.append(try MappedFile(path: path).sha256()) }
        guard digests.count > 1 else { return digests.first ?? "" }
        var hash = SHA256()
        for digest in digests { Array(digest.utf8).withUnsafeBytes { hash.update($0) } }
        return hash.hexDigest()
    }
}
