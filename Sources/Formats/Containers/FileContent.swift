/// What a file is by its first bytes, whatever its name says.
package enum FileContent: String, Sendable, CaseIterable {
    case gguf = "a GGUF file"
    case safetensors = "a safetensors file"
    case patch = "a patch of rtedit"
    case zip = "a zip archive, as PyTorch and NumPy save arrays"
    case numpy = "an array of NumPy"
    case pickle = "a pickle of Python, as PyTorch saves weights"
    case hdf5 = "an HDF5 file, as Keras saves weights"
    case oldGGML = "a file of a format that came before GGUF"
    case json = "JSON text"
    case gitPointer = "a pointer of Git LFS to a file that was not fetched"

    /// Nil where the bytes begin like nothing of these.
    ///
    /// - Parameter bytes: the file, or its first 16 bytes
    init?(_ bytes: MappedBytes) {
        let start = bytes.withUnsafeBytes { Array($0.prefix(16)) }
        if let known = Self.magics.first(where: { start.starts(with: $0.bytes) }) {
            self = known.content
        } else if Self.isPickle(start) {
            self = .pickle
        } else if Self.isSafetensors(start) {
            self = .safetensors
        } else if start.first(where: { !Self.isSpace($0) }) == UInt8(ascii: "{") {
            self = .json
        } else {
            return nil
        }
    }

    /// What the file at a path is; nil for a folder, a file that cannot be read, and what begins like nothing known.
    package static func of(_ path: String) -> FileContent? {
        guard let file = try? MappedFile(path: path) else { return nil }
        return FileContent(file.bytes)
    }

    /// The first line of a patch.
    static let patchMagic = "RTDELTA"

    private static let magics: [(bytes: [UInt8], content: FileContent)] = [
        (GGUFFormat.magic, .gguf), (Array((patchMagic + "\n").utf8), .patch),
        (Array("PK".utf8) + [3, 4], .zip),
        // An archive of nothing.
        (Array("PK".utf8) + [5, 6], .zip),
        (NumPyHeader.magic, .numpy), ([0x89] + Array("HDF".utf8), .hdf5),
        (Array("tjgg".utf8), .oldGGML),
        (Array("lmgg".utf8), .oldGGML), (Array("fmgg".utf8), .oldGGML),
        (Array("algg".utf8), .oldGGML), (Array("version https://".utf8), .gitPointer),
    ]

    /// A header's length that the format allows, and the brace with which every header begins.
    private static func isSafetensors(_ start: [UInt8]) -> Bool {
        guard start.count > 8, start[8] == UInt8(ascii: "{") else { return false }
        let length = start.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return length > 1 && length <= SafetensorsFile.headerLimit
    }

    /// The protocol from 2 on, and an opcode; a safetensors header whose length begins so has zeros there.
    private static func isPickle(_ start: [UInt8]) -> Bool {
        start.count > 2 && start[0] == 0x80 && (2...5).contains(start[1]) && start[2] != 0
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        [0x20, 0x09, 0x0A, 0x0D].contains(byte)
    }
}
