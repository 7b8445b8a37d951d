import Formats

/// Lines of hashes, as `hash`, `sha256sum` and `llama-gguf-hash` print them.
struct HashListing {
    /// What a hash is of.
    enum Subject: Hashable {
        case file(String)
        case tensor(String)
        /// All tensors, as `ContentHash.weights`.
        case weights
        case metadata
        /// All tensors' bytes in their order, as llama.cpp has it.
        case data

        /// What its line begins with, and ends with.
        ///
        /// - Parameter folder: the one that the files are in.
        func words(_ path: String, in folder: String) -> (start: String, end: String) {
            switch self {
            case .file(let name): ("", PathParts.join(folder, name))
            case .tensor(let name): ("sha256    ", "\(path):\(name)")
            case .weights: ("weights   ", path)
            case .metadata: ("metadata  ", path)
            case .data: ("sha256    ", path)
            }
        }
    }

    private(set) var hashes: [(subject: Subject, sha256: String)] = []
    /// How many lines are of other hash functions.
    private(set) var skipped = 0

    /// Reads a listing.
    ///
    /// - Throws: `HashListingError` for a line that is of none of the three programs.
    init(_ path: String) throws {
        let text = try MappedFile(path: path).bytes.withUnsafeBytes {
            String(decoding: $0, as: UTF8.self)
        }
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        where !line.allSatisfy(\.isWhitespace) && !line.hasPrefix("#") {
            switch Self.read(line) {
            case .hash(let subject, let sha256): hashes.append((subject, sha256))
            case .otherHash: skipped += 1
            case nil: throw HashListingError.malformed(file: path, line: number + 1)
            }
        }
        guard !hashes.isEmpty else { throw HashListingError.empty(file: path) }
    }

    private enum Line {
        case hash(Subject, String)
        /// Of another function than SHA-256.
        case otherHash
    }

    /// Nil for a line of none of the programs.
    private static func read(_ line: Substring) -> Line? {
        let words = line.split(separator: " ", maxSplits: 2).map {
            $0.drop { $0 == " " }
        }
        guard words.count >= 2 else { return nil }
        if isHash(words[0]) {
            // `sha256sum` has a star before the names of files that it read as binary ones.
            let name = line.dropFirst(words[0].count).drop { $0 == " " || $0 == "*" }
            return .hash(.file(PathParts(String(name)).name), String(words[0]))
        }
        let kinds = ["weights", "metadata", "sha256", "sha1", "xxh64", "uuid", "manifest"]
        guard words.count == 3, kinds.contains(String(words[0])) else { return nil }
        guard isHash(words[1]) else { return .otherHash }
        let name = String(words[2])
        let subject: Subject? =
            switch words[0] {
            case "weights": .weights
            case "metadata": .metadata
            case "sha256":
                name.lastIndex(of: ":").map { .tensor(String(name[$0...].dropFirst())) } ?? .data
            default: nil
            }
        return subject.map { .hash($0, String(words[1])) } ?? .otherHash
    }

    private static func isHash(_ word: Substring) -> Bool {
        word.utf8.count == 64 && word.allSatisfy(\.isHexDigit)
    }
}

/// A listing of hashes that cannot be read.
enum HashListingError: Failure {
    case malformed(file: String, line: Int)
    case empty(file: String)

    var kind: FailureKind { .input }

    var description: String {
        switch self {
        case .malformed(let file, let line):
            "\(file): line \(line): is not one that hash, sha256sum or llama-gguf-hash prints"
        case .empty(let file): "\(file): holds no SHA-256"
        }
    }
}
