import Glibc

/// One file of a GGUF model; a model that is not split has one.
package struct GGUFShard: Sendable {
    package let path: String
    /// The container's version, 2 or 3; both have the same layout.
    package let version: Int
    package let metadata: GGUFMetadata
    /// What each tensor's data is padded to, in bytes.
    package let alignment: Int
    /// The tensors in the order of the file, which is the order of their data.
    package let tensors: [StoredTensor]
    /// Where the data starts, in bytes from the start of the file.
    package let dataOffset: Int
    /// What is odd about the file but does no harm, one line each.
    package let warnings: [String]

    /// Maps and validates one file.
    ///
    /// - Throws: `FileError` where it cannot be read, `GGUFError` for the first rule of the format it breaks.
    package init(path: String) throws {
        guard !HeadReplacement.isPending(path) else { throw FileError.headPending(path: path) }
        let file = try MappedFile(path: path)
        do throws(GGUFError.Problem) {
            var parser = GGUFParser(file.bytes)
            let header = try parser.header()
            let metadata = try parser.metadata(keys: header.keys)
            let alignment = try GGUFFormat.alignment(of: metadata)
            let entries = try parser.tensors(header.tensors)
            let layout = try GGUFDataLayout(
                entries, in: file.bytes, headerEnd: parser.offset, alignment: alignment)
            self.path = path
            version = Int(header.version)
            self.metadata = metadata
            self.alignment = alignment
            tensors = layout.tensors
            dataOffset = layout.start
            warnings =
                layout.end < file.size
                ? [
                    "\(path): \(file.size - layout.end) bytes follow the data, which ends at \(layout.end)"
                ] : []
        } catch {
            throw GGUFError(path: path, problem: error)
        }
    }
}

/// Where the tensors' data lies in a file: one after another in the order of the table, each padded.
private struct GGUFDataLayout {
    let start: Int
    let tensors: [StoredTensor]
    /// The end of the last tensor's padding, or of the header where there are no tensors.
    let end: Int

    init(
        _ entries: [GGUFParser.Entry], in bytes: MappedBytes, headerEnd: Int, alignment: Int
    ) throws(GGUFError.Problem) {
        guard let start = GGUFFormat.padded(headerEnd, to: alignment) else {
            throw .fileTooLarge(tensor: entries.first?.description.name ?? "")
        }
        var end = start
        var tensors: [StoredTensor] = []
        tensors.reserveCapacity(entries.count)
        for entry in entries {
            let name = entry.description.name
            let expected = end - start
            if entry.offset > expected {
                throw .hole(tensor: name, offset: entry.offset, expected: expected)
            }
            if entry.offset < expected {
                throw .overlap(tensor: name, offset: entry.offset, expected: expected)
            }
            let (dataEnd, overflow) = end.addingReportingOverflow(entry.byteCount)
            guard !overflow, let next = GGUFFormat.padded(dataEnd, to: alignment) else {
                throw .fileTooLarge(tensor: name)
            }
            guard let data = bytes.slice(end..<dataEnd) else {
                // What wraps around is no end of a file.
                let ends = entries.map { start &+ Int(clamping: $0.offset) &+ $0.byteCount }
                throw .dataBeyondFile(
                    tensor: name, end: dataEnd, fileSize: bytes.count,
                    whole: max(dataEnd, ends.max() ?? dataEnd))
            }
            tensors.append(StoredTensor(description: entry.description, bytes: data))
            end = next
        }
        self.start = start
        self.tensors = tensors
        self.end = end
    }
}

/// An open GGUF model, wholly validated; a split model's shards are opened together.
///
/// Checked are all rules of ggml's own reader and more: unique keys and names, sizes against the file, data
/// without holes or overlaps. Data after the last tensor is a warning.
package struct GGUFFile: Sendable {
    /// The files of the model, at least one.
    package let shards: [GGUFShard]
    /// The model's metadata: that of the first shard.
    package let metadata: GGUFMetadata
    /// The tensors of all shards, in order.
    package let tensors: [StoredTensor]

    package var path: String { first.path }
    package var version: Int { first.version }
    /// What the first shard pads each tensor's data to, in bytes.
    package var alignment: Int { first.alignment }
    /// What is odd about the files but does no harm, one line each.
    package var warnings: [String] { shards.flatMap(\.warnings) }

    private let first: GGUFShard

    /// Maps and validates a model, given its file or its first shard.
    ///
    /// - Throws: `FileError` where a file cannot be read, `GGUFError` for the first rule of the format a file
    ///   breaks, `laterShard` where the file is a shard but not the first.
    package static func open(_ path: String) throws -> GGUFFile {
        let first = try GGUFShard(path: path)
        do {
            let count = first.metadata[SplitKey.count]?.integer ?? 1
            guard count > 1 else { return try GGUFFile(first: first, others: []) }
            return try GGUFFile(first: first, others: siblings(of: first, count: count))
        } catch let problem as GGUFError.Problem {
            throw GGUFError(path: path, problem: problem)
        }
    }

    private init(first: GGUFShard, others: [GGUFShard]) throws(GGUFError.Problem) {
        self.first = first
        shards = [first] + others
        metadata = first.metadata
        tensors = shards.flatMap(\.tensors)
        if !others.isEmpty {
            try Self.checkNames(tensors)
            if let expected = metadata[SplitKey.tensors]?.integer, expected != tensors.count {
                throw .shardTensorCount(expected: expected, found: tensors.count)
            }
        }
    }

    // MARK: - Shards

    /// The metadata keys of a split model.
    enum SplitKey {
        static let number = "split.no"
        static let count = "split.count"
        static let tensors = "split.tensors.count"
    }

    /// Opens the shards after the first, found by the pattern of its name.
    private static func siblings(of first: GGUFShard, count: Int) throws -> [GGUFShard] {
        let name = GGUFShardName(first.path)
        let fileName = String(first.path.split(separator: "/").last ?? "")
        guard let number = first.metadata[SplitKey.number]?.integer else {
            throw GGUFError.Problem.shardKey(SplitKey.number, expected: 0, found: nil)
        }
        guard number == 0 else {
            let firstName =
                GGUFShardName(fileName)?.sibling(0).fileName ?? "…-00001-of-\(count).gguf"
            throw GGUFError.Problem.laterShard(number: number, first: firstName)
        }
        guard let name, name.number == 0, name.count == count else {
            throw GGUFError.Problem.shardName(fileName, count: count)
        }
        return try (1..<count).map { number in
            let shard = try part(number, of: name)
            for (key, expected) in [(SplitKey.number, number), (SplitKey.count, count)] {
                let found = shard.metadata[key]?.integer
                guard found == expected else {
                    throw GGUFError(
                        path: shard.path, problem: .shardKey(key, expected: expected, found: found))
                }
            }
            return shard
        }
    }

    private static func part(_ number: Int, of name: GGUFShardName) throws -> GGUFShard {
        let path = name.sibling(number).fileName
        do {
            return try GGUFShard(path: path)
        } catch FileError.cannotOpen(_, SystemReason(code: ENOENT)) {
            throw GGUFError.Problem.missingShard(
                PathParts(path).name, number: number, count: name.count)
        }
    }

    private static func checkNames(_ tensors: [StoredTensor]) throws(GGUFError.Problem) {
        var seen: Set<ExactString> = []
        for tensor in tensors {
            let name = tensor.description.name
            guard seen.insert(ExactString(name)).inserted else { throw .duplicateTensor(name) }
        }
    }
}
