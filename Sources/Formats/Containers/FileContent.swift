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
    case onnx = "an ONNX model"
    case archive = "a compressed or packed archive"
    case page = "a page of a web site (HTML)"
    case text = "plain text"
    case empty = "an empty file"

    /// Nil where the bytes begin like nothing of these.
    ///
    /// - Parameter bytes: the file, or its first bytes
    init?(_ bytes: MappedBytes) {
        let start = bytes.withUnsafeBytes { Array($0.prefix(Self.looked)) }
        if start.isEmpty {
            self = .empty
        } else if let known = Self.magics.first(where: { start.starts(with: $0.bytes) }) {
            self = known.content
        } else if Self.isPickle(start) {
            self = .pickle
        } else if Self.isSafetensors(start) {
            self = .safetensors
        } else if start.first(where: { !Self.isSpace($0) }) == UInt8(ascii: "{") {
            self = .json
        } else if Self.isONNX(start) {
            self = .onnx
        } else if start.dropFirst(Self.tarOffset).starts(with: Array("ustar".utf8)) {
            self = .archive
        } else if Self.isPage(start) {
            self = .page
        } else if Self.isText(start) {
            self = .text
        } else {
            return nil
        }
    }

    /// How many bytes are looked at, and where those of a tar archive say what it is.
    private static let (looked, tarOffset) = (512, 257)

    /// What the file at a path is; nil for a folder, a file that cannot be read, and what begins like nothing known.
    package static func of(_ path: String) -> FileContent? {
        guard let file = try? MappedFile(path: path) else { return nil }
        return FileContent(file.bytes)
    }

    /// What the file is, and the way out where there is one.
    package var words: String { rawValue + (wayOut.map { "; \($0)" } ?? "") }

    /// What a user who has such a file in place of a model, a vector or an adapter does.
    private var wayOut: String? {
        switch self {
        case .gguf, .safetensors, .json: nil
        case .patch: "'rtedit delta apply BASE PATCH OUT' makes the model of it"
        case .zip, .pickle:
            "rtedit opens no pickles, which are programs: save it as safetensors in Python "
                + "(save_pretrained, safetensors.torch.save_file)"
        case .numpy: "a vector goes to --vector"
        case .hdf5, .onnx: "take the model's safetensors or GGUF file"
        case .oldGGML: "take a GGUF file of the model, or convert its original weights"
        case .gitPointer: "run 'git lfs pull' in its folder"
        case .archive: "unpack it first"
        case .page: "fetch the file itself, by the link with /resolve/ in place of /blob/"
        case .text: "where it should be weights it may be a server's answer: fetch it again"
        case .empty: "fetch it again"
        }
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
        // gzip, zstd, xz, bzip2, 7z.
        ([0x1F, 0x8B], .archive), ([0x28, 0xB5, 0x2F, 0xFD], .archive),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A], .archive), (Array("BZh".utf8), .archive),
        ([0x37, 0x7A, 0xBC, 0xAF], .archive),
    ]

    /// A message of Protocol Buffers whose first field is a small version and whose second a producer's name.
    private static func isONNX(_ start: [UInt8]) -> Bool {
        start.count > 8 && start[0] == 0x08 && (3...20).contains(start[1]) && start[2] == 0x12
            && (1...64).contains(start[3]) && (0x20...0x7E).contains(start[4])
    }

    private static func isPage(_ start: [UInt8]) -> Bool {
        let text = String(decoding: start, as: UTF8.self).lowercased()
            .drop { $0.isWhitespace || $0 == "\u{FEFF}" }
        return ["<!doctype", "<html", "<head", "<?xml"].contains { text.hasPrefix($0) }
    }

    /// Letters, digits, marks and spaces of ASCII only, and a word or two of them.
    private static func isText(_ start: [UInt8]) -> Bool {
        start.count >= 12 && start.allSatisfy { (0x20...0x7E).contains($0) || isSpace($0) }
    }

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
