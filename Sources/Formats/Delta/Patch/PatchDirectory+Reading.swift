extension PatchDirectory {
    /// Reads a directory and checks all that can be checked without a base.
    ///
    /// - Parameters:
    ///   - path: the patch, for errors.
    ///   - payloadSize: what the payloads of all parts must take together.
    /// - Throws: `PatchError.damagedDirectory`, `.hostileName`, `.duplicateName`, `.tooLarge`.
    init(_ bytes: [UInt8], path: String, payloadSize: Int) throws(PatchError) {
        var reader = DirectoryReader(bytes, path: path)
        isFolder = try reader.flag()
        var sources: [Source] = []
        for _ in 0..<(try reader.count()) {
            sources.append(Source(place: try reader.place(), digest: []))
        }
        for index in sources.indices {
            sources[index].digest = try reader.bytes(count: Source.digestSize)
        }
        self.sources = sources
        var files: [File] = []
        for _ in 0..<(try reader.count()) { files.append(try reader.file(sources)) }
        self.files = files
        try reader.end()
        try Self.checkNames(of: files, path: path)
        let stored = reader.payloadSize
        guard stored == payloadSize else {
            throw reader.damage("parts take \(stored) bytes, but there are \(payloadSize)")
        }
    }

    private static func checkNames(of files: [File], path: String) throws(PatchError) {
        var seen: Set<ExactString> = []
        for file in files {
            guard PathParts.isPlainFileName(file.name) else {
                throw .hostileName(path: path, name: file.name)
            }
            guard seen.insert(ExactString(file.name)).inserted else {
                throw .duplicateName(path: path, name: file.name)
            }
        }
    }
}

/// Reads a directory from its start to its end.
private struct DirectoryReader {
    private let bytes: [UInt8]
    private let path: String
    private var offset = 0
    /// The bytes that the payloads read until now take.
    private(set) var payloadSize = 0

    init(_ bytes: [UInt8], path: String) {
        self.bytes = bytes
        self.path = path
    }

    func damage(_ fact: String) -> PatchError {
        .damagedDirectory(path: path, offset: offset, fact: fact)
    }

    func end() throws(PatchError) {
        guard offset == bytes.count else {
            throw damage("\(bytes.count - offset) bytes follow the last file")
        }
    }

    // MARK: - Numbers

    mutating func bytes(count: Int) throws(PatchError) -> [UInt8] {
        guard count >= 0, count <= bytes.count - offset else {
            throw damage("\(count) bytes are announced, but \(bytes.count - offset) remain")
        }
        defer { offset += count }
        return Array(bytes[offset..<(offset + count)])
    }

    mutating func byte() throws(PatchError) -> UInt8 { try bytes(count: 1)[0] }

    mutating func flag() throws(PatchError) -> Bool {
        let byte = try byte()
        guard byte < 2 else { throw damage("a flag is \(byte)") }
        return byte == 1
    }

    mutating func variable() throws(PatchError) -> Int {
        var value = 0
        for shift in stride(from: 0, to: 63, by: 7) {
            let byte = try byte()
            value |= Int(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw damage("a number has more than 63 bits")
    }

    mutating func fixed<Value: BitwiseCopyable>(_ type: Value.Type) throws(PatchError) -> Value {
        let bytes = try bytes(count: MemoryLayout<Value>.size)
        return bytes.span.bytes.unsafeLoadUnaligned(as: type)
    }

    mutating func string() throws(PatchError) -> String {
        let text = try bytes(count: try variable())
        switch String.decode(text.span) {
        case .success(let text): return text
        case .failure: throw damage("a name is not UTF-8")
        }
    }

    /// How many entries follow, each of a byte or more.
    mutating func count() throws(PatchError) -> Int {
        let count = try variable()
        guard count <= bytes.count - offset else {
            throw damage("\(count) entries are announced, but \(bytes.count - offset) bytes remain")
        }
        return count
    }

    // MARK: - Entries

    mutating func tensor() throws(PatchError) -> TensorDescription {
        let name = try string()
        let typeName = try string()
        guard let type = ElementType(rawValue: typeName) else {
            throw damage("tensor \(name.quoted) has the unknown type \(typeName.quoted)")
        }
        var shape: [Int] = []
        for _ in 0..<(try count()) { shape.append(try variable()) }
        let description = TensorDescription(name: name, type: type, shape: shape)
        guard let count = description.byteCount, count > 0 else {
            throw damage("tensor \(name.quoted): \(type.name) of shape \(shape) has no size")
        }
        return description
    }

    mutating func place() throws(PatchError) -> PatchDirectory.Source.Place {
        switch try byte() {
        case PatchDirectory.SourceTag.tensor: return .tensor(try tensor())
        case PatchDirectory.SourceTag.range:
            let file = try string()
            let (start, count) = (try variable(), try variable())
            let (end, overflow) = start.addingReportingOverflow(count)
            guard !overflow else { throw damage("\(count) bytes from \(start) on pass all files") }
            return .range(file: file, start..<end)
        case let tag: throw damage("a source has the unknown kind \(tag)")
        }
    }

    private mutating func source(
        _ sources: [PatchDirectory.Source]
    ) throws(PatchError) -> Int {
        let source = try variable()
        guard source < sources.count else {
            throw damage("source \(source) of \(sources.count) is used")
        }
        return source
    }

    mutating func file(
        _ sources: [PatchDirectory.Source]
    ) throws(PatchError) -> PatchDirectory.File {
        let name = try string()
        let size = try variable()
        let digest = try bytes(count: 32)
        var sum = 0
        var segments: [PatchDirectory.Segment] = []
        for _ in 0..<(try count()) {
            let segment = try segment(sources)
            segments.append(segment.segment)
            let (next, overflow) = sum.addingReportingOverflow(segment.byteCount)
            guard !overflow else { throw damage("the parts of \(name.quoted) pass all sizes") }
            sum = next
        }
        guard sum == size else {
            throw damage("the parts of \(name.quoted) have \(sum) bytes, but the file \(size)")
        }
        return PatchDirectory.File(name: name, size: size, digest: digest, segments: segments)
    }

    private mutating func segment(
        _ sources: [PatchDirectory.Source]
    ) throws(PatchError) -> (segment: PatchDirectory.Segment, byteCount: Int) {
        let tag = try byte()
        switch tag {
        case PatchDirectory.SegmentTag.zeros:
            let count = try variable()
            return (.zeros(count), count)
        case PatchDirectory.SegmentTag.copy, PatchDirectory.SegmentTag.sameTensor,
            PatchDirectory.SegmentTag.renamedTensor:
            let source = try source(sources)
            var description: TensorDescription?
            if tag == PatchDirectory.SegmentTag.renamedTensor { description = try tensor() }
            if tag == PatchDirectory.SegmentTag.sameTensor {
                guard case .tensor(let own) = sources[source].place else {
                    throw damage("source \(source) is no tensor")
                }
                description = own
            }
            return (.copy(source: source, description), sources[source].byteCount)
        case PatchDirectory.SegmentTag.literal: return try literal(sources)
        case PatchDirectory.SegmentTag.tensor:
            let tensor = try storedTensor(sources)
            return (.tensor(tensor), tensor.description.byteCount ?? 0)
        default: throw damage("a part has the unknown kind \(tag)")
        }
    }

    private mutating func stored() throws(PatchError) -> PatchDirectory.Stored {
        let size = try variable()
        let (sum, overflow) = payloadSize.addingReportingOverflow(size)
        guard !overflow else { throw damage("parts take more bytes than any file has") }
        payloadSize = sum
        return PatchDirectory.Stored(payloadSize: size, hash: try fixed(UInt64.self))
    }

    private mutating func literal(
        _ sources: [PatchDirectory.Source]
    ) throws(PatchError) -> (PatchDirectory.Segment, Int) {
        let count = try variable()
        guard count <= PatchDirectory.largestFrame else {
            throw tooLarge("a literal", count, limit: PatchDirectory.largestFrame)
        }
        var prefix: Int?
        let number = try variable()
        if number > 0 {
            guard number - 1 < sources.count else {
                throw damage("source \(number - 1) of \(sources.count) is used")
            }
            prefix = number - 1
            let size = sources[number - 1].byteCount
            guard size <= PatchDirectory.largestPrefix else {
                throw tooLarge("a prefix", size, limit: PatchDirectory.largestPrefix)
            }
        }
        return (.literal(byteCount: count, prefix: prefix, try stored()), count)
    }

    private func tooLarge(_ thing: String, _ size: Int, limit: Int) -> PatchError {
        .tooLarge(
            path: path, fact: "\(thing) has \(size) bytes, but at most \(limit) are supported")
    }

    private mutating func storedTensor(
        _ sources: [PatchDirectory.Source]
    ) throws(PatchError) -> PatchDirectory.Tensor {
        let description = try tensor()
        let prediction = try prediction(sources)
        let frameSize = try variable()
        guard frameSize <= PatchDirectory.largestFrame else {
            throw tooLarge("a frame", frameSize, limit: PatchDirectory.largestFrame)
        }
        guard frameSize > 0, frameSize % description.type.deltaBlockBytes == 0 else {
            throw damage(
                "tensor \(description.name.quoted): frames of \(frameSize) bytes hold no whole "
                    + "number of blocks")
        }
        let size = description.byteCount ?? 0
        // Counted without a sum, which could overflow.
        let count = size / frameSize + (size % frameSize == 0 ? 0 : 1)
        guard count <= bytes.count - offset else {
            throw damage("\(count) frames are needed, but \(bytes.count - offset) bytes remain")
        }
        var frames: [PatchDirectory.Frame] = []
        for _ in 0..<count {
            let byte = try byte()
            guard let coding = FrameCoding(rawValue: byte & ~PatchDirectory.sparseFlag) else {
                throw damage("a frame has the unknown coding \(byte)")
            }
            frames.append(
                PatchDirectory.Frame(
                    coding: coding, isSparse: byte & PatchDirectory.sparseFlag != 0,
                    stored: try stored()))
        }
        return PatchDirectory.Tensor(
            description: description, prediction: prediction, frameSize: frameSize, frames: frames)
    }

    private mutating func prediction(
        _ sources: [PatchDirectory.Source]
    ) throws(PatchError) -> Prediction? {
        let count = try count()
        guard count > 0 else { return nil }
        let rows = try variable()
        var parts: [Prediction.Part] = []
        for _ in 0..<count {
            let source = try source(sources)
            guard case .tensor = sources[source].place else {
                throw damage("source \(source) is no tensor")
            }
            let expert = try variable()
            let isTransposed = try flag()
            let shift = try fixed(Float.self)
            let kind = try byte()
            guard let count = RowOrder.sizeCount(ofKind: kind) else {
                throw damage("rows have the unknown order \(kind)")
            }
            var sizes: [Int] = []
            for _ in 0..<count { sizes.append(try variable()) }
            guard let rows = RowOrder(kind: kind, sizes: sizes) else {
                throw damage("rows have the unknown order \(kind)")
            }
            parts.append(
                Prediction.Part(
                    source: source, expert: expert == 0 ? nil : expert - 1,
                    change: StorageForm(rows: rows, isTransposed: isTransposed, shift: shift)))
        }
        return Prediction(parts: parts, rows: rows)
    }
}
