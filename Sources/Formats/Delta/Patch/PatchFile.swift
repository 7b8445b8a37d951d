/// The first bytes of a patch.
enum PatchHead {
    static let magicText = FileContent.patchMagic
    static let magic = Array((magicText + "\n").utf8)
    static let version = 1
    /// Magic, version (u32), zero (u32), the directory's offset, stored and raw length (u64 each), the XXH64 of the stored
    /// directory, the XXH64 of all that stands before.
    static let size = 56

    /// How much larger than stored a directory may be: no more memory is taken for what a small file announces.
    static func allowsDirectory(raw: Int, stored: Int) -> Bool {
        let (limit, overflow) = stored.multipliedReportingOverflow(by: 16)
        return !overflow && raw - (1 << 20) <= limit
    }

    static func bytes(directoryOffset: Int, stored: [UInt8], rawSize: Int) -> [UInt8] {
        var head = magic
        head.appendBytes(of: UInt32(version))
        head.appendBytes(of: UInt32(0))
        for size in [directoryOffset, stored.count, rawSize] { head.appendBytes(of: UInt64(size)) }
        head.appendBytes(of: stored.span.bytes.withUnsafeBytes { XXH64.hash($0) })
        head.appendBytes(of: head.span.bytes.withUnsafeBytes { XXH64.hash($0) })
        return head
    }
}

/// An open patch, its directory checked; the payloads are mapped, not read.
package struct PatchFile: Sendable {
    package let path: String
    let directory: PatchDirectory
    /// The payloads of all parts, one after the other.
    let payloads: MappedBytes

    /// Whether the result is a folder: of what was one, or of several files.
    package var isFolder: Bool { directory.isFolder || directory.files.count != 1 }

    /// The patch's own size.
    package var size: Int { payloads.file.size }

    /// Opens a patch.
    ///
    /// - Throws: `FileError` where it cannot be read, `PatchError` where it is none, is of a later version or damaged.
    package init(path: String) throws {
        self.path = path
        let file = try MappedFile(path: path)
        var reader = ByteReader(file.bytes)
        guard let magic = reader.read(UInt8.self, count: PatchHead.magic.count),
            magic == PatchHead.magic
        else { throw PatchError.notAPatch(path: path, content: FileContent(file.bytes)) }
        guard let version = reader.read(UInt32.self), let reserved = reader.read(UInt32.self),
            let sizes = reader.read(UInt64.self, count: 3),
            let directoryHash = reader.read(UInt64.self), let headHash = reader.read(UInt64.self),
            let head = file.bytes.slice(0..<PatchHead.size - 8)
        else {
            throw PatchError.wrongSize(path: path, found: file.size, expected: PatchHead.size)
        }
        guard version == PatchHead.version else {
            throw PatchError.wrongVersion(
                path: path, found: Int(version), supported: PatchHead.version)
        }
        let found = head.withUnsafeBytes { XXH64.hash($0) }
        guard found == headHash, reserved == 0 else {
            throw PatchError.damagedHead(path: path, found: found, expected: headHash)
        }
        let numbers = sizes.compactMap { Int(exactly: $0) }
        guard numbers.count == 3 else { throw PatchError.notAPatch(path: path) }
        let (offset, stored, raw) = (numbers[0], numbers[1], numbers[2])
        let (end, overflow) = offset.addingReportingOverflow(stored)
        guard !overflow, end == file.size, offset >= PatchHead.size,
            let bytes = file.bytes.slice(offset..<end),
            let payloads = file.bytes.slice(PatchHead.size..<offset)
        else { throw PatchError.wrongSize(path: path, found: file.size, expected: end) }
        let text = try Self.directory(bytes, rawSize: raw, hash: directoryHash, path: path)
        directory = try PatchDirectory(text, path: path, payloadSize: payloads.count)
        self.payloads = payloads
    }

    private static func directory(
        _ stored: MappedBytes, rawSize: Int, hash: UInt64, path: String
    ) throws(PatchError) -> [UInt8] {
        let problem = PatchError.damagedDirectory(
            path: path, offset: 0, fact: "its \(stored.count) bytes are damaged")
        guard stored.withUnsafeBytes({ XXH64.hash($0) }) == hash,
            PatchHead.allowsDirectory(raw: rawSize, stored: stored.count)
        else { throw problem }
        if rawSize == stored.count { return stored.withUnsafeBytes { Array($0) } }
        var bytes = [UInt8](repeating: 0, count: rawSize)
        do throws(Zstandard.Problem) {
            var span = bytes.mutableSpan
            try span.withUnsafeMutableBytes { (target) throws(Zstandard.Problem) in
                try stored.withUnsafeBytes { (stored) throws(Zstandard.Problem) in
                    try Zstandard().decompress(stored, into: target)
                }
            }
        } catch {
            throw problem
        }
        return bytes
    }
}
