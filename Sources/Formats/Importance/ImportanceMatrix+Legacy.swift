/// The form before GGUF, `.dat`: little-endian 32-bit numbers; how many entries, then for each its name, how many chunks it
/// saw and how many values follow: means times that number. After the entries may come the number of chunks in all, and the
/// name of the text.
extension ImportanceMatrix {
    init(legacy file: MappedFile) throws(ImportanceError) {
        do throws(ImportanceError.Problem) {
            var parser = LegacyParser(bytes: ByteReader(file.bytes))
            let entries = try parser.entries()
            let end = try parser.end()
            self.init(
                path: file.path, entries: entries, datasets: end.datasets,
                chunkCount: end.chunkCount, chunkSize: nil)
        } catch {
            // A file of another format seldom gets beyond its first numbers.
            if let content = FileContent(file.bytes) {
                throw ImportanceError(
                    path: file.path, problem: .notImportance(reason: "it is \(content.words)"))
            }
            throw ImportanceError(path: file.path, problem: error)
        }
    }
}

private struct LegacyParser {
    private typealias Problem = ImportanceError.Problem
    private typealias Place = ImportanceError.Place

    var bytes: ByteReader

    mutating func entries() throws(ImportanceError.Problem) -> [ExactString: ImportanceMatrix.Entry]
    {
        let count = try number(.entryCount, atLeast: 1)
        var entries: [ExactString: ImportanceMatrix.Entry] = [:]
        for index in 0..<count {
            let name = try text(.name(entry: index), atLeast: 1)
            let calls = try number(.callCount(entry: name), atLeast: 0)
            let size = try number(.valueCount(entry: name), atLeast: 1)
            let place = Place.values(entry: name)
            let (offset, remaining) = (bytes.offset, bytes.remaining)
            guard let sums = bytes.read(Float.self, count: size) else {
                throw .truncated(
                    place, offset: offset, needed: size * MemoryLayout<Float>.size,
                    remaining: remaining)
            }
            try ImportanceMatrix.check(sums, of: name)
            // Old writers rounded the number of chunks down: where it is 0, the values are the means.
            let entry = ImportanceMatrix.Entry(sums: sums, counts: [max(1, calls)])
            guard entries.updateValue(entry, forKey: ExactString(name)) == nil else {
                throw .duplicateEntry(name)
            }
        }
        return entries
    }

    /// What follows the entries: nothing, the number of chunks, or that and the name of the text.
    mutating func end() throws(ImportanceError.Problem) -> (chunkCount: Int, datasets: [String]) {
        guard bytes.remaining > 0 else { return (0, []) }
        let chunkCount = try number(.chunkCount, atLeast: 0)
        guard bytes.remaining > 0 else { return (chunkCount, []) }
        let dataset = try text(.dataset, atLeast: 0)
        guard bytes.remaining == 0 else {
            throw .trailing(offset: bytes.offset, bytes: bytes.remaining)
        }
        return (chunkCount, dataset.isEmpty ? [] : [dataset])
    }

    private mutating func number(
        _ place: Place, atLeast least: Int
    ) throws(ImportanceError.Problem) -> Int {
        let (offset, remaining) = (bytes.offset, bytes.remaining)
        guard let value = bytes.read(Int32.self) else {
            throw .truncated(
                place, offset: offset, needed: MemoryLayout<Int32>.size, remaining: remaining)
        }
        guard value >= least else {
            throw .wrongNumber(
                place, offset: offset, value: Int(value), expected: "at least \(least)")
        }
        return Int(value)
    }

    /// A text behind its length.
    private mutating func text(
        _ place: Place, atLeast least: Int
    ) throws(ImportanceError.Problem) -> String {
        let length = try number(place, atLeast: least)
        let (offset, remaining) = (bytes.offset, bytes.remaining)
        guard let part = bytes.read(UInt8.self, count: length) else {
            throw .truncated(place, offset: offset, needed: length, remaining: remaining)
        }
        switch String.decode(part.span) {
        case .success(let text): return text
        case .failure(let problem): throw .notUTF8(place, offset: offset + problem.offset)
        }
    }
}
