/// Hashes of what a file of tensors holds, whatever the order of its keys, its padding and the number of its files.
package struct ContentHash: Sendable {
    /// A tensor with the hash of its bytes.
    package struct Tensor: Sendable {
        package let description: TensorDescription
        package let byteCount: Int
        /// The SHA-256 of the bytes in the file, in lower-case hexadecimal digits, as `llama-gguf-hash` prints it.
        package let sha256: String
    }

    /// In the order of the files.
    package let tensors: [Tensor]

    /// - Parameter advance: called from any thread with the number of bytes read since.
    package init(
        _ tensors: [StoredTensor], crew: WorkCrew,
        advance: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.tensors = crew.map(tensors.count) { index in
            let tensor = tensors[index]
            return Tensor(
                description: tensor.description, byteCount: tensor.bytes.count,
                sha256: SHA256.hexadecimal(tensor.bytes.sha256(advance: advance)))
        }
    }

    /// The SHA-256 of all tensors: of a line for each, `NAME TYPE SHAPE SHA256` with tabs between and a line end behind,
    /// sorted by the bytes of the names; a shape is written outermost dimension first, as `576x1536`.
    package var weights: String {
        let lines = tensors.map { tensor in
            let shape = tensor.description.shape.map(String.init).joined(separator: "x")
            return [tensor.description.name, tensor.description.type.name, shape, tensor.sha256]
                .joined(separator: "\t") + "\n"
        }
        return Self.hash(lines.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined())
    }

    private static func hash(_ text: String) -> String {
        var hash = SHA256()
        Array(text.utf8).withUnsafeBytes { hash.update($0) }
        return hash.hexDigest()
    }

    /// The SHA-256 of metadata: of a GGUF file without tensors that has them sorted by the bytes of their keys, but for
    /// those that say how a model is split over files.
    ///
    /// - Throws: `GGUFError` where a key breaks a rule of the format.
    package static func metadata(
        _ metadata: GGUFMetadata, file: String
    ) throws(GGUFError) -> String {
        let entries = metadata.entries.filter { MetadataKeys.layoutReason(of: $0.key) == nil }
            .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        let header = try GGUFHeader(path: file, metadata: GGUFMetadata(entries), tensors: [])
        var hash = SHA256()
        header.bytes.withUnsafeBytes { hash.update($0) }
        return hash.hexDigest()
    }

    /// The SHA-256 of all tensors' bytes, one after the other, which `llama-gguf-hash` calls the file's.
    package static func data(_ tensors: [StoredTensor]) -> String {
        var hash = SHA256()
        let piece = 4 << 20
        for tensor in tensors {
            for start in stride(from: 0, to: tensor.bytes.count, by: piece) {
                let range = start..<min(start + piece, tensor.bytes.count)
                tensor.bytes.slice(range)?.withUnsafeBytes { hash.update($0) }
            }
            tensor.releasePages()
        }
        return hash.hexDigest()
    }
}
