/// The head of a safetensors file that is to be written, and where each tensor's data goes.
///
/// Tensors are ordered as the reference implementation orders them: by type, the widest first, then by the bytes of
/// their names. Metadata is sorted by key. The same input gives the same bytes, whatever its order.
package struct SafetensorsHeader: Sendable {
    /// The file up to the data: the header's length, the header, spaces up to a multiple of 8 bytes.
    package let bytes: [UInt8]
    /// The tensors in the order of their data, which follows `bytes` without gaps.
    package let layout: [TensorPlacement]
    package let fileSize: Int

    /// Plans a file.
    ///
    /// - Parameters:
    ///   - path: the file, for errors
    ///   - tensors: in any order
    ///   - metadata: the strings of `__metadata__`; without any, the header has no such member
    /// - Throws: `SafetensorsError`: `typeWithoutName`, `duplicateName`, `duplicateMetadata`, `emptyName`,
    ///   `reservedName`, `sizeOverflow`, `partialByte`, `headerTooLarge`.
    package init(
        path: String, tensors: [TensorDescription], metadata: [SafetensorsMetadata] = []
    ) throws(SafetensorsError) {
        do throws(SafetensorsError.Problem) {
            let ordered = try Self.ordered(tensors)
            var members: [JSONObject.Member] = []
            if !metadata.isEmpty {
                members.append(
                    JSONObject.Member(SafetensorsFile.metadataKey, try Self.strings(metadata)))
            }
            var ends: [Int] = []
            for tensor in ordered {
                let begin = ends.last ?? 0
                let (end, overflow) = begin.addingReportingOverflow(
                    try tensor.safetensorsByteCount())
                guard !overflow else {
                    throw .sizeOverflow(tensor: tensor.name, shape: tensor.shape)
                }
                members.append(
                    JSONObject.Member(tensor.name, Self.entry(tensor, begin: begin, end: end)))
                ends.append(end)
            }
            let header = try Self.padded(JSONWriter().bytes(.object(JSONObject(members))))
            let (fileSize, overflow) = header.count.addingReportingOverflow(ends.last ?? 0)
            if let last = ordered.last, overflow {
                throw .sizeOverflow(tensor: last.name, shape: last.shape)
            }
            bytes = header
            self.fileSize = fileSize
            layout = ordered.indices.map { index in
                let begin = index == 0 ? 0 : ends[index - 1]
                return TensorPlacement(
                    description: ordered[index], offset: header.count + begin,
                    byteCount: ends[index] - begin)
            }
        } catch {
            throw SafetensorsError(path: path, problem: error)
        }
    }

    /// The types in the order of the reference implementation, which sorts them from the last to the first.
    private static let typeOrder: [ElementType: Int] = {
        let order: [ElementType] = [
            .bool, .f4, .f6E2M3, .f6E3M2, .u8, .i8, .f8E5M2, .f8E4M3, .f8E8M0, .f8E4M3FNUZ,
            .f8E5M2FNUZ,
            .i16, .u16, .f16, .bf16, .i32, .u32, .f32, .c64, .f64, .i64, .u64,
        ]
        return Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
    }()

    private static func ordered(
        _ tensors: [TensorDescription]
    ) throws(SafetensorsError.Problem) -> [TensorDescription] {
        var seen: Set<ExactString> = []
        for tensor in tensors {
            let name = ExactString(tensor.name)
            guard typeOrder[tensor.type] != nil else {
                throw .typeWithoutName(tensor: tensor.name, type: tensor.type)
            }
            guard !tensor.name.isEmpty else { throw .emptyName }
            guard name != ExactString(SafetensorsFile.metadataKey) else { throw .reservedName }
            guard seen.insert(name).inserted else { throw .duplicateName(tensor.name) }
        }
        return tensors.sorted { left, right in
            let (leftType, rightType) = (typeOrder[left.type] ?? 0, typeOrder[right.type] ?? 0)
            return leftType == rightType
                ? left.name.utf8.lexicographicallyPrecedes(right.name.utf8) : leftType > rightType
        }
    }

    private static func strings(
        _ metadata: [SafetensorsMetadata]
    ) throws(SafetensorsError.Problem) -> JSONValue {
        var seen: Set<ExactString> = []
        for entry in metadata {
            guard seen.insert(ExactString(entry.key)).inserted else {
                throw .duplicateMetadata(entry.key)
            }
        }
        let sorted = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        return .object(JSONObject(sorted.map { JSONObject.Member($0.key, .string($0.value)) }))
    }

    private static func entry(_ tensor: TensorDescription, begin: Int, end: Int) -> JSONValue {
        .object(
            JSONObject([
                JSONObject.Member("dtype", .string(tensor.type.safetensorsName ?? "")),
                JSONObject.Member("shape", .array(tensor.shape.map { .integer($0) })),
                JSONObject.Member("data_offsets", .array([.integer(begin), .integer(end)])),
            ]))
    }

    private static func padded(_ text: [UInt8]) throws(SafetensorsError.Problem) -> [UInt8] {
        let length = (text.count + 7) / 8 * 8
        guard length <= SafetensorsFile.headerLimit else {
            throw .headerTooLarge(length: UInt64(length), limit: SafetensorsFile.headerLimit)
        }
        var header: [UInt8] = []
        header.appendBytes(of: UInt64(length))
        header += text
        header += Array(repeating: UInt8(ascii: " "), count: length - text.count)
        return header
    }
}
