/// The numbers and rules of the GGUF container, shared by its reader and its writer.
///
/// Specification: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; where ggml's own reader is
/// stricter, its rule holds.
enum GGUFFormat {
    static let magic = Array("GGUF".utf8)
    /// The version that is written; version 2 has the same layout.
    static let version: UInt32 = 3
    static let defaultAlignment = 32
    static let alignmentKey = "general.alignment"
    static let keyLimit = 65535
    /// ggml keeps names in 64 bytes, the last of them zero.
    static let tensorNameLimit = 63
    static let dimensionLimit = 4
    /// Types that ggml had and removed; files that use them are no longer readable by anyone.
    static let removedTypes: Set<UInt32> = [4, 5, 31, 32, 33, 36, 37, 38]

    /// The identifiers of metadata value types.
    enum ValueType: UInt32 {
        case u8, i8, u16, i16, u32, i32, f32, bool, string, array, u64, i64, f64
    }

    // MARK: - Rules

    /// - Throws: `emptyKey`, `keyTooLong`.
    static func checkKey(length: UInt64, index: Int) throws(GGUFError.Problem) {
        guard length > 0 else { throw .emptyKey(index: index) }
        guard length <= keyLimit else {
            throw .keyTooLong(index: index, length: length, limit: keyLimit)
        }
    }

    /// - Throws: `tensorNameLength`.
    static func checkTensorName(length: UInt64, index: Int) throws(GGUFError.Problem) {
        guard length > 0, length <= tensorNameLimit else {
            throw .tensorNameLength(index: index, length: length, limit: tensorNameLimit)
        }
    }

    /// - Throws: `nullInTensorName`, since C readers would see another name; `dimensionCount`.
    static func checkTensor(_ name: String, dimensions: Int) throws(GGUFError.Problem) {
        guard !name.utf8.contains(0) else { throw .nullInTensorName(name) }
        guard dimensions >= 1, dimensions <= dimensionLimit else {
            throw .dimensionCount(tensor: name, count: dimensions)
        }
    }

    /// The bytes of a tensor's data.
    ///
    /// - Throws: `partialBlock` where a row is no whole number of blocks, `sizeOverflow`.
    static func byteCount(of tensor: TensorDescription) throws(GGUFError.Problem) -> Int {
        guard tensor.columns % tensor.type.elementsPerBlock == 0 else {
            throw .partialBlock(tensor: tensor.name, type: tensor.type, row: tensor.columns)
        }
        guard let count = tensor.byteCount else {
            throw .sizeOverflow(tensor: tensor.name, shape: tensor.shape)
        }
        return count
    }

    /// The data alignment a file's metadata asks for.
    ///
    /// - Throws: `alignmentNotU32`, `alignmentNotPowerOfTwo`.
    static func alignment(of metadata: GGUFMetadata) throws(GGUFError.Problem) -> Int {
        guard let value = metadata[alignmentKey] else { return defaultAlignment }
        guard case .u32(let alignment) = value else { throw .alignmentNotU32 }
        guard alignment.nonzeroBitCount == 1 else { throw .alignmentNotPowerOfTwo(alignment) }
        return Int(alignment)
    }

    /// The next multiple of the alignment, or nil on overflow.
    static func padded(_ offset: Int, to alignment: Int) -> Int? {
        let (sum, overflow) = offset.addingReportingOverflow(alignment - 1)
        return overflow ? nil : sum / alignment * alignment
    }
}
