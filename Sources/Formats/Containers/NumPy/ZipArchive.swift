/// An open zip archive, as NumPy's `.npz` files are: its directory validated, its entries read one by one.
///
/// Format: PKWARE's APPNOTE 6.3.10, of which entries that are stored or deflated in archives below 4 GiB are read. The
/// directory at the end decides; of the headers before the entries only the lengths count.
struct ZipArchive: Sendable {
    /// An entry that the directory names.
    struct Entry: Sendable {
        let name: String
        let isDeflated: Bool
        let checksum: UInt32
        let size: Int
        let bytes: MappedBytes
    }

    /// An entry's bytes, where they lie or expanded.
    enum Content: Sendable {
        case mapped(MappedBytes)
        case expanded([UInt8])

        /// Calls the body with the bytes; the pointer must not leave it.
        func withUnsafeBytes<Result, Problem: Error>(
            _ body: (UnsafeRawBufferPointer) throws(Problem) -> Result
        ) throws(Problem) -> Result {
            switch self {
            case .mapped(let bytes): try bytes.withUnsafeBytes(body)
            case .expanded(let bytes):
                try bytes.span.bytes.withUnsafeBytes { bytes throws(Problem) in try body(bytes) }
            }
        }
    }

    let path: String
    /// In the order of the directory.
    let entries: [Entry]
    /// The most bytes that the compressed entries of an archive may come to.
    static let expandedLimit = 1 << 28

    /// Reads the directory.
    ///
    /// - Throws: `ZipError` for the first rule of the format that is broken.
    init(_ file: MappedFile) throws(ZipError) {
        path = file.path
        do throws(ZipError.Problem) {
            entries = try Self.entries(of: file.bytes)
        } catch {
            throw ZipError(path: file.path, problem: error)
        }
    }

    /// An entry's bytes, whose checksum is right.
    ///
    /// - Throws: `ZipError` where it is not, or compressed bytes are malformed.
    func content(of entry: Entry) throws(ZipError) -> Content {
        do throws(ZipError.Problem) {
            var content = Content.mapped(entry.bytes)
            if entry.isDeflated {
                do throws(Inflation.Problem) {
                    content = .expanded(
                        try Inflation.inflate(
                            entry.bytes.withUnsafeBytes { Array($0) }, announced: entry.size))
                } catch {
                    throw .compressed(entry: entry.name, reason: error.description)
                }
            }
            let found = content.withUnsafeBytes { CRC32.checksum($0) }
            guard found == entry.checksum else {
                throw .checksum(entry: entry.name, announced: entry.checksum, found: found)
            }
            return content
        } catch {
            throw ZipError(path: path, problem: error)
        }
    }

    // MARK: - Directory

    private static func entries(of bytes: MappedBytes) throws(ZipError.Problem) -> [Entry] {
        let end = try ZipFormat.End.find(in: bytes)
        var reader = ByteReader(bytes)
        guard let _ = reader.take(end.directoryOffset),
            let directory = reader.take(end.directorySize)
        else {
            throw .directoryBounds(
                offset: end.directoryOffset, size: end.directorySize, end: end.offset)
        }
        var records = ByteReader(directory)
        var found: [(entry: Entry, start: Int)] = []
        var names: Set<ExactString> = []
        var expanded = 0
        while records.remaining > 0 {
            let index = found.count
            let offset = end.directoryOffset + records.offset
            guard let record = ZipFormat.Record(&records) else {
                throw .badEntry(index: index, offset: offset)
            }
            guard let name = record.name else { throw .badName(index: index) }
            guard names.insert(ExactString(name)).inserted else { throw .duplicateName(name) }
            let place = try place(of: record, name: name, index: index, end, in: bytes)
            if record.isDeflated {
                guard record.size <= Inflation.mostBytes(of: place.bytes.count) else {
                    throw .impossibleSize(
                        entry: name, compressed: place.bytes.count, announced: record.size)
                }
                expanded += record.size
                guard expanded <= expandedLimit else {
                    throw .tooLarge(entry: name, announced: expanded, limit: expandedLimit)
                }
            } else if record.size != place.bytes.count {
                throw .storedSize(
                    entry: name, stored: place.bytes.count, announced: record.size)
            }
            found.append(
                (
                    Entry(
                        name: name, isDeflated: record.isDeflated, checksum: record.checksum,
                        size: record.size, bytes: place.bytes), place.start
                ))
        }
        guard found.count == end.entryCount else {
            throw .entryCount(announced: end.entryCount, found: found.count)
        }
        try refuseOverlaps(found)
        return found.map(\.entry)
    }

    /// Where an entry's bytes lie, behind a header of its own.
    private static func place(
        of record: ZipFormat.Record, name: String, index: Int, _ end: ZipFormat.End,
        in bytes: MappedBytes
    ) throws(ZipError.Problem) -> (start: Int, bytes: MappedBytes) {
        guard !record.isEncrypted else { throw .encrypted(entry: name) }
        guard record.isDeflated || record.method == ZipFormat.stored else {
            throw .method(entry: name, method: record.method)
        }
        guard !record.isZip64 else { throw .zip64 }
        guard record.headerOffset <= bytes.count,
            let header = bytes.slice(record.headerOffset..<bytes.count),
            let length = ZipFormat.headerLength(header)
        else { throw .badEntry(index: index, offset: record.headerOffset) }
        let start = record.headerOffset + length
        let stop = start + record.compressedSize
        guard stop <= end.directoryOffset, let content = bytes.slice(start..<stop) else {
            throw .entryBeyondDirectory(entry: name, end: stop, directory: end.directoryOffset)
        }
        return (record.headerOffset, content)
    }

    /// Entries that share bytes would expand a small file without bound.
    private static func refuseOverlaps(
        _ entries: [(entry: Entry, start: Int)]
    ) throws(ZipError.Problem) {
        var end = 0
        for (entry, start) in entries.sorted(by: { $0.start < $1.start }) {
            guard start >= end else {
                throw .overlap(entry: entry.name, begin: start, expected: end)
            }
            end = entry.bytes.range.upperBound
        }
    }
}
