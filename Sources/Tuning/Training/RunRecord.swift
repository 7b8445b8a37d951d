import Formats

/// The record of a run, `run.jsonl`: a description, then a line for every step and every validation, then the
/// outcome. It holds no times, so that the same run always leaves the same record.
final class RunRecord {
    /// A place in the record: how many bytes come before it, and their SHA-256.
    struct Mark: Equatable {
        var byteCount: Int
        var sha256: String

        /// The record's start.
        static let start = Mark(byteCount: 0, sha256: SHA256().hexDigest())
    }

    private let file: GrowingFile
    private var byteCount: Int
    private var hash = SHA256()

    /// Opens the record, or creates it, cut back to the mark.
    ///
    /// - Throws: `FileError`; `TuningRunError.recordChanged` where what comes before the mark is not what was written.
    init(path: String, at mark: Mark) throws {
        byteCount = mark.byteCount
        if mark != .start {
            var hash = SHA256()
            let written = try MappedFile(path: path).bytes.slice(0..<mark.byteCount)
            written?.withUnsafeBytes { hash.update($0) }
            guard hash.hexDigest() == mark.sha256 else {
                throw TuningRunError.recordChanged(file: path)
            }
            self.hash = hash
        }
        file = try GrowingFile(path: path, keeping: mark.byteCount)
    }

    /// The present end.
    var mark: Mark { Mark(byteCount: byteCount, sha256: hash.hexDigest()) }

    /// Adds a line.
    func add(_ line: JSONObject) throws(FileError) {
        let bytes = JSONWriter().bytes(.object(line)) + [0x0a]
        try file.append(bytes)
        bytes.withUnsafeBytes { hash.update($0) }
        byteCount += bytes.count
    }

    /// Waits until all lines are on the disk.
    func flush() throws(FileError) { try file.flush() }
}

extension StepLosses {
    /// The members of a line of the record.
    var members: [JSONObject.Member] {
        var members: [JSONObject.Member] = [
            .init("losses", .array(terms.map { .number($0) })), .init("total", .number(total)),
        ]
        if let cosine {
            let blocks = cosines.sorted { $0.key < $1.key }
            members += [
                .init("cosine", .number(cosine)),
                .init(
                    "cosines",
                    .object(JSONObject(blocks.map { .init("\($0.key)", .number($0.value)) }))),
            ]
        }
        return members + [.init("tokens", .integer(tokens))]
    }

    /// Reads what `members` wrote; nil for anything else.
    init?(_ object: JSONObject) {
        guard let values = object["losses"]?.array, let total = object["total"]?.number,
            let tokens = object["tokens"]?.integer
        else { return nil }
        let terms = values.compactMap(\.number)
        var cosines: [Int: Double] = [:]
        for member in object["cosines"]?.object?.members ?? [] {
            guard let block = Int(member.key), let value = member.value.number else { return nil }
            cosines[block] = value
        }
        guard terms.count == values.count else { return nil }
        self.init(terms: terms, total: total, cosines: cosines, tokens: tokens)
    }

    /// Whether all losses are numbers.
    var isFinite: Bool { total.isFinite && terms.allSatisfy(\.isFinite) }
}
