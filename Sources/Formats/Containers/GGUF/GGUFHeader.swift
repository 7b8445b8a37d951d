/// The head of a GGUF file (version 3) that is to be written, and where each tensor's data goes.
///
/// Metadata and tensors stay in the given order; a header that was read and is planned again unchanged has the same
/// bytes as gguf-py or llama.cpp wrote. Each tensor's data is padded to the alignment, the last one's too.
package struct GGUFHeader: Sendable {
    /// The file up to the data: magic, version, counts, metadata, tensor table, padding.
    package let bytes: [UInt8]
    /// The tensors in the given order, which is that of their data.
    package let layout: [TensorPlacement]
    /// What the data is padded to: `general.alignment`, or 32 where the metadata does not have it.
    package let alignment: Int
    /// The size with the last tensor's padding.
    package let fileSize: Int

    /// Plans a file.
    ///
    /// - Parameters:
    ///   - path: the file, for errors
    ///   - metadata: written as it is
    ///   - tensors: in the order they shall have
    /// - Throws: `GGUFError` where a key, a name, a type or a shape breaks a rule of the format or a size overflows.
    package init(
        path: String, metadata: GGUFMetadata, tensors: [TensorDescription]
    ) throws(GGUFError) {
        do throws(GGUFError.Problem) {
            alignment = try GGUFFormat.alignment(of: metadata)
            guard alignment <= Self.alignmentLimit else {
                throw .alignmentTooLarge(alignment, limit: Self.alignmentLimit)
            }
            var head = GGUFFormat.magic
            head.appendBytes(of: GGUFFormat.version)
            head.appendBytes(of: UInt64(tensors.count))
            head.appendBytes(of: UInt64(metadata.entries.count))
            try Self.append(metadata, to: &head)
            let ends = try Self.append(tensors, alignment: alignment, to: &head)
            guard let start = GGUFFormat.padded(head.count, to: alignment) else {
                throw .fileTooLarge(tensor: tensors.first?.name ?? "")
            }
            head += Array(repeating: 0, count: start - head.count)
            bytes = head
            let (fileSize, overflow) = head.count.addingReportingOverflow(ends.last ?? 0)
            if let last = tensors.last, overflow { throw .fileTooLarge(tensor: last.name) }
            self.fileSize = fileSize
            layout = zip(tensors, [0] + ends).map { tensor, start in
                TensorPlacement(
                    description: tensor, offset: head.count + start,
                    byteCount: tensor.byteCount ?? 0)
            }
        } catch {
            throw GGUFError(path: path, problem: error)
        }
    }

    /// The widest padding that is written; a file that asks for more would be mostly padding.
    private static let alignmentLimit = 1 << 20

    // MARK: - Tensors

    /// Appends the tensor table; returns the padded end of each tensor's data, counted from the start of the data.
    private static func append(
        _ tensors: [TensorDescription], alignment: Int, to head: inout [UInt8]
    ) throws(GGUFError.Problem) -> [Int] {
        var ends: [Int] = []
        var seen: Set<ExactString> = []
        for (index, tensor) in tensors.enumerated() {
            let start = ends.last ?? 0
            try GGUFFormat.checkTensorName(length: UInt64(tensor.name.utf8.count), index: index)
            try GGUFFormat.checkTensor(tensor.name, dimensions: tensor.shape.count)
            guard seen.insert(ExactString(tensor.name)).inserted else {
                throw .duplicateTensor(tensor.name)
            }
            guard let identifier = tensor.type.ggmlIdentifier else {
                throw .typeWithoutIdentifier(tensor: tensor.name, type: tensor.type)
            }
            let (end, overflow) = start.addingReportingOverflow(
                try GGUFFormat.byteCount(of: tensor))
            guard !overflow, let padded = GGUFFormat.padded(end, to: alignment) else {
                throw .fileTooLarge(tensor: tensor.name)
            }
            append(Array(tensor.name.utf8), to: &head)
            head.appendBytes(of: UInt32(tensor.shape.count))
            head.appendBytes(ofEach: tensor.shape.reversed().map { UInt64($0) })
            head.appendBytes(of: identifier)
            head.appendBytes(of: UInt64(start))
            ends.append(padded)
        }
        return ends
    }

    // MARK: - Metadata

    private static func append(
        _ metadata: GGUFMetadata, to head: inout [UInt8]
    ) throws(GGUFError.Problem) {
        var seen: Set<ExactString> = []
        for (index, entry) in metadata.entries.enumerated() {
            try GGUFFormat.checkKey(length: UInt64(entry.key.utf8.count), index: index)
            guard seen.insert(ExactString(entry.key)).inserted else {
                throw .duplicateKey(entry.key)
            }
            append(Array(entry.key.utf8), to: &head)
            append(entry.value, to: &head)
        }
    }

    private static func append(_ value: GGUFValue, to head: inout [UInt8]) {
        switch value {
        case .u8(let value): append(.u8, value, to: &head)
        case .i8(let value): append(.i8, value, to: &head)
        case .u16(let value): append(.u16, value, to: &head)
        case .i16(let value): append(.i16, value, to: &head)
        case .u32(let value): append(.u32, value, to: &head)
        case .i32(let value): append(.i32, value, to: &head)
        case .u64(let value): append(.u64, value, to: &head)
        case .i64(let value): append(.i64, value, to: &head)
        case .f32(let value): append(.f32, value, to: &head)
        case .f64(let value): append(.f64, value, to: &head)
        case .bool(let value): append(.bool, UInt8(value ? 1 : 0), to: &head)
        case .string(let value):
            head.appendBytes(of: GGUFFormat.ValueType.string.rawValue)
            append(value.bytes, to: &head)
        case .array(let array):
            head.appendBytes(of: GGUFFormat.ValueType.array.rawValue)
            append(array, to: &head)
        }
    }

    private static func append(_ array: GGUFArray, to head: inout [UInt8]) {
        switch array {
        case .u8(let values): append(.u8, values, to: &head)
        case .i8(let values): append(.i8, values, to: &head)
        case .u16(let values): append(.u16, values, to: &head)
        case .i16(let values): append(.i16, values, to: &head)
        case .u32(let values): append(.u32, values, to: &head)
        case .i32(let values): append(.i32, values, to: &head)
        case .u64(let values): append(.u64, values, to: &head)
        case .i64(let values): append(.i64, values, to: &head)
        case .f32(let values): append(.f32, values, to: &head)
        case .f64(let values): append(.f64, values, to: &head)
        case .bool(let values): append(.bool, values.map { UInt8($0 ? 1 : 0) }, to: &head)
        case .strings(let strings):
            head.appendBytes(of: GGUFFormat.ValueType.string.rawValue)
            head.appendBytes(of: UInt64(strings.count))
            for string in strings { append(string, to: &head) }
        }
    }

    private static func append<Value: BitwiseCopyable>(
        _ type: GGUFFormat.ValueType, _ value: Value, to head: inout [UInt8]
    ) {
        head.appendBytes(of: type.rawValue)
        head.appendBytes(of: value)
    }

    private static func append<Value: BitwiseCopyable>(
        _ type: GGUFFormat.ValueType, _ values: [Value], to head: inout [UInt8]
    ) {
        head.appendBytes(of: type.rawValue)
        head.appendBytes(of: UInt64(values.count))
        head.appendBytes(ofEach: values)
    }

    private static func append(_ string: some Collection<UInt8>, to head: inout [UInt8]) {
        head.appendBytes(of: UInt64(string.count))
        head.append(contentsOf: string)
    }
}
