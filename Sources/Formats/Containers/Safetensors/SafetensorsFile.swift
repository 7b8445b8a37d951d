/// A string of a safetensors header's `__metadata__`.
package struct SafetensorsMetadata: Hashable, Sendable {
    package let key: String
    package let value: String

    package init(_ key: String, _ value: String) {
        self.key = key
        self.value = value
    }
}

/// An open safetensors file, wholly validated: the tensors tile the data without a hole, an overlap or a rest.
///
/// Layout: 64-bit little-endian header length, JSON header, data to the end of the file. Format description:
/// https://github.com/huggingface/safetensors. Data offsets need not be aligned.
package struct SafetensorsFile: Sendable {
    /// The longest header the format allows, in bytes.
    package static let headerLimit = 100_000_000
    /// The header member that holds strings about the file instead of a tensor.
    static let metadataKey = "__metadata__"

    package let path: String
    /// The header's `__metadata__`, in the order of the file.
    package let metadata: [SafetensorsMetadata]
    /// The tensors in the order of their data.
    package let tensors: [StoredTensor]

    /// Maps and validates the file.
    ///
    /// - Throws: `FileError` where it cannot be read, `JSONError` where the header is not strict JSON,
    ///   `SafetensorsError` for the first rule of the format it breaks.
    package init(path: String) throws {
        let file = try MappedFile(path: path)
        self.path = path
        do {
            let (text, data) = try Self.parts(of: file)
            let header = try JSONReader.parse(text, source: "\(path): header")
            let members = header.object?.members ?? []
            metadata = try Self.metadata(of: members)
            let entries = try members.filter { !Self.isMetadata($0) }.map(SafetensorsEntry.init)
            tensors = try Self.place(entries, in: data)
        } catch let problem as SafetensorsError.Problem {
            throw SafetensorsError(path: path, problem: problem)
        }
    }

    /// The metadata key under which rtedit says what files of its own are.
    package static let contentKey = "rtedit.format"
    /// What it says of a steering vector.
    package static let vectorContent = "vector"
    /// What it says of the directions of several tokens.
    package static let offsetsContent = "offsets"
    /// What it says of learned factors of sub-layers' outputs.
    package static let scalingContent = "scaling"

    /// Whether the file says that it is a steering vector of rtedit's.
    var isSteeringVector: Bool { isOf(Self.vectorContent) }

    /// Whether the file says that it holds learned factors of sub-layers' outputs.
    var isScaling: Bool { isOf(Self.scalingContent) }

    private func isOf(_ content: String) -> Bool {
        metadata.contains { $0.key == Self.contentKey && $0.value == content }
    }

    // MARK: - Header

    /// The header's text without its padding, and the data.
    private static func parts(
        of file: MappedFile
    ) throws(SafetensorsError.Problem) -> (text: MappedBytes, data: MappedBytes) {
        if let other = FileContent(file.bytes), ![.safetensors, .json, .empty].contains(other) {
            throw .otherFormat(other)
        }
        var reader = ByteReader(file.bytes)
        guard let length = reader.read(UInt64.self) else {
            throw .noHeaderLength(fileSize: file.size)
        }
        guard length <= headerLimit else {
            throw .headerTooLarge(length: length, limit: headerLimit)
        }
        guard let header = reader.take(Int(length)), let data = reader.take(reader.remaining) else {
            throw .headerBeyondFile(length: Int(length), remaining: reader.remaining)
        }
        let (first, last, end) = header.withUnsafeBytes { bytes in
            let end = bytes.lastIndex { $0 != UInt8(ascii: " ") }.map { $0 + 1 } ?? 0
            return (bytes.first, bytes[..<end].last, end)
        }
        guard first == UInt8(ascii: "{") else { throw .headerStart(byte: first) }
        guard last == UInt8(ascii: "}"), let text = header.slice(0..<end) else {
            throw .headerEnd(byte: last)
        }
        return (text, data)
    }

    private static func isMetadata(_ member: JSONObject.Member) -> Bool {
        ExactString(member.key) == ExactString(metadataKey)
    }

    private static func metadata(
        of members: [JSONObject.Member]
    ) throws(SafetensorsError.Problem) -> [SafetensorsMetadata] {
        guard let member = members.first(where: isMetadata) else { return [] }
        guard let strings = member.value.object else {
            throw .notAnObject("the header's __metadata__")
        }
        var metadata: [SafetensorsMetadata] = []
        for string in strings.members {
            guard let value = string.value.string else { throw .metadataNotText(key: string.key) }
            guard !string.key.hasControlCharacter else { throw .controlCharacter(string.key) }
            metadata.append(SafetensorsMetadata(string.key, value))
        }
        return metadata
    }

    // MARK: - Data

    /// The tensors in the order of their data, which they must tile from its first byte to its last.
    private static func place(
        _ entries: [SafetensorsEntry], in data: MappedBytes
    ) throws(SafetensorsError.Problem) -> [StoredTensor] {
        var end = 0
        var tensors: [StoredTensor] = []
        tensors.reserveCapacity(entries.count)
        let inOrder = entries.enumerated().sorted { left, right in
            (left.element.begin, left.element.end, left.offset)
                < (right.element.begin, right.element.end, right.offset)
        }
        for (_, entry) in inOrder {
            let name = entry.description.name
            if entry.begin > end { throw .hole(tensor: name, begin: entry.begin, expected: end) }
            if entry.begin < end { throw .overlap(tensor: name, begin: entry.begin, expected: end) }
            guard let bytes = data.slice(entry.begin..<entry.end) else {
                throw .dataBeyondFile(
                    tensor: name, end: entry.end, available: data.count,
                    whole: entries.map(\.end).max() ?? entry.end)
            }
            tensors.append(StoredTensor(description: entry.description, bytes: bytes))
            end = entry.end
        }
        guard end == data.count else { throw .trailingData(end: end, available: data.count) }
        return tensors
    }
}

/// A tensor as the header describes it, its size checked against its offsets.
private struct SafetensorsEntry {
    let description: TensorDescription
    let begin: Int
    let end: Int

    init(_ member: JSONObject.Member) throws(SafetensorsError.Problem) {
        let name = member.key
        guard !name.isEmpty else { throw .emptyName }
        guard !name.hasControlCharacter else { throw .controlCharacter(name) }
        guard let fields = member.value.object else {
            throw .malformedEntry(tensor: name, expected: "its description is not a JSON object")
        }
        guard let typeName = fields["dtype"]?.string else {
            throw .malformedEntry(tensor: name, expected: "'dtype' must be a string")
        }
        guard let type = ElementType(safetensorsName: typeName) else {
            throw .unknownType(tensor: name, name: typeName)
        }
        guard let shape = Self.sizes(fields["shape"]) else {
            throw .malformedEntry(
                tensor: name, expected: "'shape' must be an array of integers from 0 on")
        }
        guard let offsets = Self.sizes(fields["data_offsets"]), offsets.count == 2 else {
            throw .malformedEntry(
                tensor: name, expected: "'data_offsets' must be two integers from 0 on")
        }
        (begin, end) = (offsets[0], offsets[1])
        guard begin <= end else { throw .offsetsReversed(tensor: name, begin: begin, end: end) }
        description = TensorDescription(name: name, type: type, shape: shape)
        let needed = try description.safetensorsByteCount()
        guard needed == end - begin else {
            throw .sizeMismatch(tensor: name, spanned: end - begin, needed: needed)
        }
    }

    /// The elements of an array of integers that are not negative, or nil where it is anything else.
    private static func sizes(_ value: JSONValue?) -> [Int]? {
        guard let values = value?.array else { return nil }
        let sizes = values.compactMap(\.integer).filter { $0 >= 0 }
        return sizes.count == values.count ? sizes : nil
    }
}

extension TensorDescription {
    /// The bytes of the tensor's data in a safetensors file.
    ///
    /// - Throws: `sizeOverflow`; `partialByte` where elements of 4 or 6 bits fill no whole number of bytes.
    func safetensorsByteCount() throws(SafetensorsError.Problem) -> Int {
        guard let elementCount,
            !elementCount.multipliedReportingOverflow(by: type.bitsPerBlock).overflow
        else {
            throw .sizeOverflow(tensor: name, shape: shape)
        }
        guard let byteCount else {
            throw .partialByte(tensor: name, type: type, elements: elementCount)
        }
        return byteCount
    }
}
