/// The GGUF form: two F32 tensors for each entry, NAME`.in_sum2` (matrices, columns) and NAME`.counts` (matrices, 1), and
/// keys that say what was read.
extension ImportanceMatrix {
    private enum Key {
        static let kind = "general.type"
        static let datasets = "imatrix.datasets"
        static let chunkCount = "imatrix.chunk_count"
        static let chunkSize = "imatrix.chunk_size"
        static let run = "rtedit.imatrix.run"
        static let chunksDone = "rtedit.imatrix.chunks_done"
    }

    private static let kind = "imatrix"
    private static let suffixes = (sums: ".in_sum2", counts: ".counts")
    /// Whole numbers up to here are told apart from their neighbours by f64.
    static let countLimit = 1 << 53

    // MARK: - Reading

    init(gguf path: String) throws {
        let file = try GGUFFile.open(path)
        do throws(ImportanceError.Problem) {
            let metadata = file.metadata
            guard metadata[Key.kind]?.text == Self.kind else {
                let found = metadata[Key.kind]?.text.map(\.quoted) ?? "missing"
                throw .notImportance(reason: "\(Key.kind) is \(found), not '\(Self.kind)'")
            }
            let datasets = try Self.datasets(metadata)
            let chunkCount = try Self.number(metadata, Key.chunkCount)
            let chunkSize = try Self.number(metadata, Key.chunkSize)
            self.init(
                path: path, entries: try Self.entries(file.tensors), datasets: datasets,
                chunkCount: chunkCount, chunkSize: chunkSize > 0 ? chunkSize : nil,
                progress: try Self.progress(metadata))
        } catch {
            throw ImportanceError(path: path, problem: error)
        }
    }

    private static func datasets(
        _ metadata: GGUFMetadata
    ) throws(ImportanceError.Problem) -> [String] {
        guard let names = metadata[Key.datasets]?.array?.strings else {
            throw .wrongKey(Key.datasets, expected: "a list of texts")
        }
        return names.indices.map { names.text($0) }
    }

    private static func number(
        _ metadata: GGUFMetadata, _ key: String
    ) throws(ImportanceError.Problem) -> Int {
        guard case .u32(let number)? = metadata[key] else {
            throw .wrongKey(key, expected: "an unsigned 32-bit integer")
        }
        return Int(number)
    }

    private static func progress(
        _ metadata: GGUFMetadata
    ) throws(ImportanceError.Problem) -> Progress? {
        guard let run = metadata[Key.run] else { return nil }
        guard let text = run.text else { throw .wrongKey(Key.run, expected: "a text") }
        return Progress(run: text, chunks: try number(metadata, Key.chunksDone))
    }

    private static func entries(
        _ tensors: [StoredTensor]
    ) throws(ImportanceError.Problem) -> [ExactString: Entry] {
        var halves: [ExactString: StoredTensor] = [:]
        for tensor in tensors {
            guard tensor.name.hasSuffix(suffixes.sums) || tensor.name.hasSuffix(suffixes.counts)
            else { throw .otherTensor(tensor.name) }
            guard tensor.type == .f32 else {
                throw .wrongType(tensor: tensor.name, type: tensor.type)
            }
            halves[ExactString(tensor.name)] = tensor
        }
        var entries: [ExactString: Entry] = [:]
        for tensor in tensors {
            let isSums = tensor.name.hasSuffix(suffixes.sums)
            let (suffix, other) =
                isSums ? (suffixes.sums, suffixes.counts) : (suffixes.counts, suffixes.sums)
            let name = String(tensor.name.dropLast(suffix.count))
            guard let half = halves[ExactString(name + other)] else {
                throw .missingHalf(tensor: tensor.name, missing: name + other)
            }
            guard isSums else { continue }
            entries[ExactString(name)] = try entry(name, sums: tensor, counts: half)
            tensor.releasePages()
        }
        guard !entries.isEmpty else { throw .noEntries }
        return entries
    }

    private static func entry(
        _ name: String, sums: StoredTensor, counts: StoredTensor
    ) throws(ImportanceError.Problem) -> Entry {
        let sums = floats(sums)
        var whole: [Int] = []
        for (index, count) in floats(counts).enumerated() {
            guard count >= 0, count <= Float(countLimit) else {
                throw .wrongCount(entry: name, index: index, value: count)
            }
            whole.append(Int(count.rounded()))
        }
        guard !sums.isEmpty, !whole.isEmpty, sums.count % whole.count == 0 else {
            throw .unevenCounts(entry: name, sums: sums.count, counts: whole.count)
        }
        try check(sums, of: name)
        return Entry(sums: sums, counts: whole)
    }

    private static func floats(_ tensor: StoredTensor) -> [Float] {
        var reader = ByteReader(tensor.bytes)
        return reader.read(Float.self, count: tensor.bytes.count / MemoryLayout<Float>.size) ?? []
    }

    /// - Throws: `wrongSum` for the first that is no sum of squares.
    static func check(
        _ sums: [Float], of name: String
    ) throws(ImportanceError.Problem) {
        if let index = sums.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
            throw .wrongSum(entry: name, index: index, value: sums[index])
        }
    }

    // MARK: - Writing

    /// Writes a GGUF file that `llama-quantize` and `llama-imatrix` read; the same matrix gives the same bytes. Counts
    /// beyond 2²⁴ are rounded to what f32 holds, as the format has it.
    ///
    /// - Parameters:
    ///   - path: where the file shall be
    ///   - replacing: whether an existing file is replaced
    /// - Throws: `FileError` where the file exists already or cannot be written; `GGUFError` for a name that is too long
    ///   for the format; `ImportanceError` with `wrongKey` for numbers of chunks or tokens beyond 32 bits.
    package func write(to path: String, replacing: Bool) throws {
        var tensors: [TensorFile.Tensor] = []
        for name in names {
            guard let entry = entries[ExactString(name)] else { continue }
            let matrices = entry.counts.count
            let columns = entry.sums.count / matrices
            tensors += [
                .floats(
                    name + Self.suffixes.sums,
                    shape: matrices > 1 ? [matrices, columns] : [columns]
                ) { entry.sums },
                .floats(
                    name + Self.suffixes.counts, shape: matrices > 1 ? [matrices, 1] : [1]
                ) { entry.counts.map { Float($0) } },
            ]
        }
        let metadata = try metadata(for: path)
        try TensorFile(tensors, metadata: metadata, path: path)
            .write(to: path, replacing: replacing)
    }

    private func metadata(for path: String) throws(ImportanceError) -> GGUFMetadata {
        func number(_ key: String, _ value: Int) throws(ImportanceError) -> GGUFMetadata.Entry {
            guard let number = UInt32(exactly: value) else {
                throw ImportanceError(
                    path: path, problem: .wrongKey(key, expected: "below 2^32: \(value)"))
            }
            return .init(key, .u32(number))
        }
        var entries: [GGUFMetadata.Entry] = [
            .init(Key.kind, .string(ByteString(Self.kind))),
            .init(Key.datasets, .array(.strings(ByteStringList(datasets)))),
            try number(Key.chunkCount, chunkCount),
            try number(Key.chunkSize, chunkSize ?? 0),
        ]
        if let progress {
            entries.append(.init(Key.run, .string(ByteString(progress.run))))
            entries.append(try number(Key.chunksDone, progress.chunks))
        }
        return GGUFMetadata(entries)
    }
}
