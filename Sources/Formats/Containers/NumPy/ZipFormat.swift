/// The records of a zip archive: header before each entry, directory record of each, and the end of the directory.
enum ZipFormat {
    static let headerMark: UInt32 = 0x0403_4B50
    static let recordMark: UInt32 = 0x0201_4B50
    static let endMark: UInt32 = 0x0605_4B50
    static let stored = 0
    static let deflated = 8
    /// What stands in a field of 32 bits whose value is in another place.
    private static let elsewhere = UInt32.max

    /// The end of the directory, which is the end of the archive but for a comment.
    struct End {
        let offset: Int
        let entryCount: Int
        let directorySize: Int
        let directoryOffset: Int

        private static let size = 22
        private static let longestComment = 0xFFFF

        /// Looks for it from the last place it can have to the first.
        static func find(in bytes: MappedBytes) throws(ZipError.Problem) -> End {
            let last = bytes.count - size
            let first = max(0, last - longestComment)
            for offset in stride(from: last, through: first, by: -1) {
                if let rest = bytes.slice(offset..<bytes.count),
                    let end = try End(rest, at: offset)
                {
                    return end
                }
            }
            throw .noDirectory(fileSize: bytes.count)
        }

        /// - Returns: nil for bytes that are no such record.
        private init?(_ bytes: MappedBytes, at offset: Int) throws(ZipError.Problem) {
            var reader = ByteReader(bytes)
            guard reader.read(UInt32.self) == endMark,
                let numbers = reader.read(UInt16.self, count: 4),
                let size = reader.read(UInt32.self), let start = reader.read(UInt32.self),
                let comment = reader.read(UInt16.self), Int(comment) == reader.remaining
            else { return nil }
            guard size != elsewhere, start != elsewhere, numbers[3] != UInt16.max else {
                throw .zip64
            }
            guard numbers[0] == 0, numbers[1] == 0, numbers[2] == numbers[3] else {
                throw .severalDisks
            }
            guard Int(start) + Int(size) == offset else {
                throw .directoryBounds(offset: Int(start), size: Int(size), end: offset)
            }
            self.offset = offset
            entryCount = Int(numbers[3])
            directorySize = Int(size)
            directoryOffset = Int(start)
        }
    }

    /// What the directory says of an entry.
    struct Record {
        /// Nil where it is empty, not UTF-8 or not printable.
        let name: String?
        let method: Int
        let isEncrypted: Bool
        let isZip64: Bool
        let checksum: UInt32
        let compressedSize: Int
        let size: Int
        let headerOffset: Int

        var isDeflated: Bool { method == deflated }

        /// - Returns: nil where the next bytes are no such record.
        init?(_ reader: inout ByteReader) {
            guard reader.read(UInt32.self) == recordMark,
                // Versions, flags, method, time and date.
                let numbers = reader.read(UInt16.self, count: 6),
                let sizes = reader.read(UInt32.self, count: 3),
                let lengths = reader.read(UInt16.self, count: 3),
                // Disk and attributes.
                reader.take(8) != nil, let offset = reader.read(UInt32.self),
                let name = reader.take(Int(lengths[0])), reader.take(Int(lengths[1])) != nil,
                reader.take(Int(lengths[2])) != nil
            else { return nil }
            let text = name.withUnsafeBytes { String(validating: $0, as: UTF8.self) }
            self.name = text.flatMap { $0.isEmpty || $0.hasControlCharacter ? nil : $0 }
            isEncrypted = numbers[2] & 1 == 1
            method = Int(numbers[3])
            checksum = sizes[0]
            compressedSize = Int(sizes[1])
            size = Int(sizes[2])
            headerOffset = Int(offset)
            isZip64 = sizes[1] == elsewhere || sizes[2] == elsewhere || offset == elsewhere
        }
    }

    /// The length of the header that begins some bytes, with the name and the extra fields after it; nil where there is
    /// none.
    static func headerLength(_ bytes: MappedBytes) -> Int? {
        var reader = ByteReader(bytes)
        guard reader.read(UInt32.self) == headerMark, reader.take(22) != nil,
            let lengths = reader.read(UInt16.self, count: 2),
            reader.take(Int(lengths[0]) + Int(lengths[1])) != nil
        else { return nil }
        return reader.offset
    }
}

// MARK: - Writing

extension ZipFormat {
    /// A stored entry that is to be written.
    struct NewEntry {
        let content: [UInt8]
        /// What stands before the content.
        let header: [UInt8]
        /// Its record in the directory.
        let record: [UInt8]

        /// Version 2.0, which knows stored entries.
        private static let version: UInt16 = 20
        /// Names are UTF-8.
        private static let flags: UInt16 = 1 << 11
        /// The first of January 1980, before which there is none; as NumPy has it.
        private static let date: UInt16 = 1 << 5 | 1

        /// - Parameter offset: of the header, below 4 GiB
        init(name: String, content: [UInt8], offset: Int) {
            let size = UInt32(clamping: content.count)
            let checksum = content.withUnsafeBytes { CRC32.checksum($0) }
            // From the version to the lengths of the name and of no extra fields.
            var common: [UInt8] = []
            common.appendBytes(ofEach: [
                Self.version, Self.flags, UInt16(stored), 0, Self.date,
            ])
            common.appendBytes(ofEach: [checksum, size, size])
            common.appendBytes(ofEach: [UInt16(clamping: name.utf8.count), 0])
            var header: [UInt8] = []
            header.appendBytes(of: headerMark)
            header += common + name.utf8
            var record: [UInt8] = []
            record.appendBytes(of: recordMark)
            record.appendBytes(of: Self.version)
            record += common
            // No comment, the first disk, no attributes.
            record.appendBytes(ofEach: [UInt16](repeating: 0, count: 5))
            record.appendBytes(of: UInt32(clamping: offset))
            record += name.utf8
            self.content = content
            self.header = header
            self.record = record
        }
    }

    /// The end of a directory.
    static func end(entries: Int, directory: Int, offset: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendBytes(of: endMark)
        bytes.appendBytes(ofEach: [0, 0, UInt16(clamping: entries), UInt16(clamping: entries)])
        bytes.appendBytes(ofEach: [UInt32(clamping: directory), UInt32(clamping: offset)])
        bytes.appendBytes(of: UInt16(0))
        return bytes
    }
}
