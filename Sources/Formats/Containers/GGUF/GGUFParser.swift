/// Reads one GGUF file from its first byte to its tensor table, each rule checked before anything is allocated.
struct GGUFParser {
    /// The smallest metadata entry: a key of one byte and a value of one byte.
    private static let smallestEntry = 8 + 1 + 4 + 1
    /// The smallest tensor description: a name of one byte and one dimension.
    private static let smallestTensor = 8 + 1 + 4 + 8 + 4 + 8

    /// A tensor as the table describes it; the offset is the file's own and not yet checked.
    struct Entry {
        let description: TensorDescription
        let byteCount: Int
        let offset: UInt64
    }

    private var reader: ByteReader

    init(_ bytes: MappedBytes) {
        reader = ByteReader(bytes)
    }

    /// Where the next part of the file starts.
    var offset: Int { reader.offset }

    // MARK: - Header

    /// The version and the numbers of tensors and of metadata keys.
    mutating func header() throws(GGUFError.Problem) -> (version: UInt32, tensors: Int, keys: Int) {
        let start = reader.bytes.withUnsafeBytes { Array($0.prefix(GGUFFormat.magic.count)) }
        guard start == GGUFFormat.magic else {
            if let other = FileContent(reader.bytes), other != .empty { throw .otherFormat(other) }
            throw .notGGUF(magic: start)
        }
        _ = reader.take(start.count)
        let version = try read(UInt32.self, of: .header)
        switch version {
        case 2, 3: break
        case 1: throw .obsoleteVersion(version)
        // Byte order is not marked; in the other order a small version number has its high byte set.
        case _ where (1...3).contains(version.byteSwapped): throw .bigEndian
        default: throw .unknownVersion(version)
        }
        let tensors = try read(UInt64.self, of: .header)
        let keys = try read(UInt64.self, of: .header)
        guard keys <= reader.remaining / Self.smallestEntry else {
            throw .tooManyKeys(count: keys, remaining: reader.remaining)
        }
        guard tensors <= reader.remaining / Self.smallestTensor else {
            throw .tooManyTensors(count: tensors, remaining: reader.remaining)
        }
        return (version, Int(tensors), Int(keys))
    }

    // MARK: - Metadata

    mutating func metadata(keys: Int) throws(GGUFError.Problem) -> GGUFMetadata {
        var entries: [GGUFMetadata.Entry] = []
        var seen: Set<ExactString> = []
        for index in 0..<keys {
            let key = try key(index)
            guard seen.insert(ExactString(key)).inserted else { throw .duplicateKey(key) }
            entries.append(GGUFMetadata.Entry(key, try value(of: key)))
        }
        return GGUFMetadata(entries)
    }

    private mutating func key(_ index: Int) throws(GGUFError.Problem) -> String {
        let length = try read(UInt64.self, of: .key(index: index))
        try GGUFFormat.checkKey(length: length, index: index)
        let key = try text(length, of: .key(index: index))
        guard !key.hasControlCharacter else {
            throw .controlCharacter(.key(index: index), name: key)
        }
        return key
    }

    private mutating func value(of key: String) throws(GGUFError.Problem) -> GGUFValue {
        let place = GGUFError.Place.value(key: key)
        switch try valueType(of: key) {
        case .u8: return .u8(try read(UInt8.self, of: place))
        case .i8: return .i8(try read(Int8.self, of: place))
        case .u16: return .u16(try read(UInt16.self, of: place))
        case .i16: return .i16(try read(Int16.self, of: place))
        case .u32: return .u32(try read(UInt32.self, of: place))
        case .i32: return .i32(try read(Int32.self, of: place))
        case .u64: return .u64(try read(UInt64.self, of: place))
        case .i64: return .i64(try read(Int64.self, of: place))
        case .f32: return .f32(try read(Float.self, of: place))
        case .f64: return .f64(try read(Double.self, of: place))
        case .bool: return .bool(try bools(1, of: key)[0])
        case .string:
            let length = try read(UInt64.self, of: place)
            return .string(ByteString(try take(length, of: place).withUnsafeBytes { Array($0) }))
        case .array: return .array(try array(of: key))
        }
    }

    private mutating func array(of key: String) throws(GGUFError.Problem) -> GGUFArray {
        let place = GGUFError.Place.value(key: key)
        let type = try valueType(of: key)
        let count = try read(UInt64.self, of: place)
        switch type {
        case .u8: return .u8(try read(UInt8.self, count, of: place))
        case .i8: return .i8(try read(Int8.self, count, of: place))
        case .u16: return .u16(try read(UInt16.self, count, of: place))
        case .i16: return .i16(try read(Int16.self, count, of: place))
        case .u32: return .u32(try read(UInt32.self, count, of: place))
        case .i32: return .i32(try read(Int32.self, count, of: place))
        case .u64: return .u64(try read(UInt64.self, count, of: place))
        case .i64: return .i64(try read(Int64.self, count, of: place))
        case .f32: return .f32(try read(Float.self, count, of: place))
        case .f64: return .f64(try read(Double.self, count, of: place))
        case .bool: return .bool(try bools(count, of: key))
        case .string: return .strings(try strings(count, of: place))
        case .array: throw .nestedArray(key: key)
        }
    }

    private mutating func valueType(of key: String) throws(GGUFError.Problem)
        -> GGUFFormat.ValueType
    {
        let identifier = try read(UInt32.self, of: .value(key: key))
        guard let type = GGUFFormat.ValueType(rawValue: identifier) else {
            throw .unknownValueType(key: key, identifier: identifier)
        }
        return type
    }

    private mutating func bools(_ count: UInt64, of key: String) throws(GGUFError.Problem) -> [Bool]
    {
        let start = reader.offset
        let bytes = try read(UInt8.self, count, of: .value(key: key))
        if let index = bytes.firstIndex(where: { $0 > 1 }) {
            throw .invalidBool(key: key, byte: bytes[index], offset: start + index)
        }
        return bytes.map { $0 == 1 }
    }

    private mutating func strings(
        _ count: UInt64, of place: GGUFError.Place
    ) throws(GGUFError.Problem) -> ByteStringList {
        let (smallest, overflow) = count.multipliedReportingOverflow(by: 8)
        guard !overflow, smallest <= reader.remaining else {
            throw .truncated(
                place, offset: reader.offset, needed: overflow ? .max : smallest,
                remaining: reader.remaining)
        }
        var strings = ByteStringList()
        strings.reserve(strings: Int(count), bytes: 0)
        for _ in 0..<count {
            let bytes = try take(try read(UInt64.self, of: place), of: place)
            bytes.withUnsafeBytes { strings.append($0) }
        }
        return strings
    }

    // MARK: - Tensors

    mutating func tensors(_ count: Int) throws(GGUFError.Problem) -> [Entry] {
        var entries: [Entry] = []
        entries.reserveCapacity(count)
        var seen: Set<ExactString> = []
        for index in 0..<count {
            let entry = try tensor(index)
            let name = entry.description.name
            guard seen.insert(ExactString(name)).inserted else { throw .duplicateTensor(name) }
            entries.append(entry)
        }
        return entries
    }

    private mutating func tensor(_ index: Int) throws(GGUFError.Problem) -> Entry {
        let place = GGUFError.Place.tensor(index: index)
        let length = try read(UInt64.self, of: place)
        try GGUFFormat.checkTensorName(length: length, index: index)
        let name = try text(length, of: place)
        let dimensions = Int(try read(UInt32.self, of: place))
        try GGUFFormat.checkTensor(name, dimensions: dimensions)
        guard !name.hasControlCharacter else { throw .controlCharacter(place, name: name) }
        var shape: [Int] = []
        for dimension in 0..<dimensions {
            let size = try read(UInt64.self, of: place)
            guard let size = Int(exactly: size) else {
                throw .dimensionTooLarge(tensor: name, index: dimension, size: size)
            }
            shape.append(size)
        }
        let identifier = try read(UInt32.self, of: place)
        guard let type = ElementType(ggmlIdentifier: identifier) else {
            throw GGUFFormat.removedTypes.contains(identifier)
                ? .removedTensorType(tensor: name, identifier: identifier)
                : .unknownTensorType(tensor: name, identifier: identifier)
        }
        let description = TensorDescription(name: name, type: type, shape: shape.reversed())
        return Entry(
            description: description, byteCount: try GGUFFormat.byteCount(of: description),
            offset: try read(UInt64.self, of: place))
    }

    // MARK: - Bytes

    private mutating func read<Value: BitwiseCopyable>(
        _ type: Value.Type, of place: @autoclosure () -> GGUFError.Place
    ) throws(GGUFError.Problem) -> Value {
        if let value = reader.read(type) { return value }
        throw truncated(place(), needed: UInt64(MemoryLayout<Value>.size))
    }

    private mutating func read<Value: BitwiseCopyable>(
        _ type: Value.Type, _ count: UInt64, of place: GGUFError.Place
    ) throws(GGUFError.Problem) -> [Value] {
        if let values = reader.read(type, count: Int(clamping: count)) { return values }
        let (needed, overflow) = count.multipliedReportingOverflow(
            by: UInt64(MemoryLayout<Value>.size))
        throw truncated(place, needed: overflow ? .max : needed)
    }

    private mutating func take(
        _ count: UInt64, of place: @autoclosure () -> GGUFError.Place
    ) throws(GGUFError.Problem) -> MappedBytes {
        if let bytes = reader.take(Int(clamping: count)) { return bytes }
        throw truncated(place(), needed: count)
    }

    private mutating func text(
        _ length: UInt64, of place: GGUFError.Place
    ) throws(GGUFError.Problem) -> String {
        let start = reader.offset
        let decoded = try take(length, of: place).withUnsafeBytes { bytes in
            String.decode(bytes.bindMemory(to: UInt8.self).span)
        }
        switch decoded {
        case .success(let string): return string
        case .failure(let invalid): throw .notUTF8(place, offset: start + invalid.offset)
        }
    }

    private func truncated(_ place: GGUFError.Place, needed: UInt64) -> GGUFError.Problem {
        .truncated(place, offset: reader.offset, needed: needed, remaining: reader.remaining)
    }
}
