/// One GGUF file with other metadata; its tensors stay, byte for byte.
package struct GGUFMetadataRewriting: Sendable {
    private let shard: GGUFShard
    private let header: GGUFHeader

    /// - Throws: `GGUFError` where the metadata breaks a rule of the format.
    package init(_ shard: GGUFShard, metadata: GGUFMetadata) throws(GGUFError) {
        self.shard = shard
        header = try GGUFHeader(
            path: shard.path, metadata: metadata, tensors: shard.tensors.map(\.description))
    }

    /// Whether the new metadata takes the room of the old, so that no tensor has to move.
    package var fits: Bool {
        header.bytes.count == shard.dataOffset && header.alignment == shard.alignment
    }

    /// The bytes up to the tensors.
    package var headSize: Int { header.bytes.count }
    package var fileSize: Int { header.fileSize }
    /// The bytes of all tensors.
    package var tensorByteCount: Int { header.layout.reduce(0) { $0 + $1.byteCount } }

    /// Replaces the metadata where it fits.
    ///
    /// - Throws: as `HeadReplacement.replace`.
    package func replaceHead() throws {
        guard let old = try MappedFile(path: shard.path).bytes.slice(0..<shard.dataOffset) else {
            throw FileError.changed(path: shard.path)
        }
        try HeadReplacement.replace(shard.path, old, by: header.bytes)
    }

    /// Writes a whole file, which appears when it is complete; it may have the path of the old one.
    ///
    /// - Parameter advance: called with the number of bytes written since.
    /// - Throws: `FileError` where it cannot be written.
    package func write(
        to path: String, replacing: Bool, advance: (Int) -> Void = { _ in }
    ) throws(FileError) {
        let file = try AtomicFile(path: path, reserving: header.fileSize, replacing: replacing)
        try file.write(header.bytes, at: 0)
        var end = header.bytes.count
        for (placement, tensor) in zip(header.layout, shard.tensors) {
            try Self.pad(file, from: end, to: placement.offset)
            try Self.copy(tensor.bytes, to: file, at: placement.offset, advance)
            end = placement.offset + placement.byteCount
        }
        try Self.pad(file, from: end, to: header.fileSize)
        try file.commit()
    }

    private static func copy(
        _ bytes: MappedBytes, to file: AtomicFile, at offset: Int, _ advance: (Int) -> Void
    ) throws(FileError) {
        let piece = 4 << 20
        for start in stride(from: 0, to: bytes.count, by: piece) {
            guard let part = bytes.slice(start..<min(start + piece, bytes.count)) else { continue }
            try file.write(part, at: offset + start)
            part.file.release(part.range)
            advance(part.count)
        }
    }

    private static func pad(
        _ file: AtomicFile, from start: Int, to end: Int
    ) throws(FileError) {
        guard end > start else { return }
        try file.write([UInt8](repeating: 0, count: end - start), at: start)
    }
}
