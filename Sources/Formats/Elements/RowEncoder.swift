/// Encodes rows of f32 values in any type that rtedit can write: plain floats, and quantised blocks.
///
/// Blocks are those of llama.cpp's quantisers (`quantize_q4_0` and its kin of ggml, with and without importance), bit for
/// bit: the same float operations in the same order.
package enum RowEncoder {
    /// Whether values can be encoded as this type: f64, f32, f16, bf16, and all types of blocks but q8_1 and q8_k, which
    /// programs make of activations at run time.
    package static func isSupported(_ type: ElementType) -> Bool {
        FloatEncoder.isSupported(type) || blockFormat(type) != nil
    }

    /// Whether values can only be encoded as this type with an importance for each column.
    package static func needsImportance(_ type: ElementType) -> Bool {
        blockFormat(type)?.needsImportance ?? false
    }

    /// Encodes whole blocks.
    ///
    /// - Parameter importance: how much the error in each column counts, as llama.cpp's importance matrix has it: the mean
    ///   square of the activation that the column is multiplied by. With it, `row` must be a whole row of the matrix:
    ///   weights depend on the mean square of all its values. Formats that do not search for their scales do not use it.
    /// - Returns: how many finite values are too large for a plain type and became infinite.
    /// - Throws: `QuantizationError.unsupported` for a type that cannot be written, `.sizeMismatch` where the
    ///   destination is not exactly as long as the source's elements take; `.importanceCount`, `.invalidImportance` and
    ///   `.importanceMissing`; for quantised types `.notFinite` and `.tooLarge`, since a scale that is not finite would
    ///   spoil the whole block.
    package static func encode(
        _ row: UnsafeBufferPointer<Float>, as type: ElementType,
        importance: UnsafeBufferPointer<Float>? = nil,
        into destination: UnsafeMutableRawBufferPointer
    ) throws(QuantizationError) -> Int {
        try check(importance, columns: row.count)
        guard let format = blockFormat(type) else {
            return try FloatEncoder.encode(row, as: type, into: destination)
        }
        guard type.byteCount(elements: row.count) == destination.count else {
            throw .sizeMismatch(type: type, elements: row.count, bytes: destination.count)
        }
        guard importance != nil || !format.needsImportance else {
            throw .importanceMissing(type: type)
        }
        if row.hasNotFinite, let index = row.firstIndex(where: { !$0.isFinite }) {
            throw .notFinite(type: type, index: index)
        }
        guard let values = row.baseAddress, let output = destination.baseAddress else { return 0 }
        if let block = format.encode(
            values, count: row.count, importance: importance?.baseAddress, into: output)
        {
            throw .tooLarge(type: type, index: block * type.elementsPerBlock)
        }
        return 0
    }

    private static func check(
        _ importance: UnsafeBufferPointer<Float>?, columns: Int
    ) throws(QuantizationError) {
        guard let importance else { return }
        guard importance.count == columns else {
            throw .importanceCount(columns: columns, importances: importance.count)
        }
        if importance.hasNotFinite || !importance.areNotNegative,
            let column = importance.firstIndex(where: { !($0 >= 0 && $0.isFinite) })
        {
            throw .invalidImportance(column: column)
        }
    }

    /// A row as a type stores it, and as its values are read back.
    ///
    /// - Returns: nil where the type cannot be written, or cannot hold the row with this importance.
    package static func roundTrip(
        _ row: [Float], as type: ElementType, importance: [Float]? = nil
    ) -> (values: [Float], bytes: [UInt8])? {
        guard let size = type.byteCount(elements: row.count) else { return nil }
        var bytes = [UInt8](repeating: 0, count: size)
        var values = row
        let isDone = bytes.withUnsafeMutableBytes { bytes in
            (try? encode(row, as: type, importance: importance, into: bytes)) != nil
                && values.withUnsafeMutableBufferPointer { values in
                    (try? Dequantizer.widen(UnsafeRawBufferPointer(bytes), type: type, into: values))
                        != nil
                }
        }
        return isDone ? (values, bytes) : nil
    }

    private static func encode(
        _ row: [Float], as type: ElementType, importance: [Float]?,
        into destination: UnsafeMutableRawBufferPointer
    ) throws(QuantizationError) {
        try row.withUnsafeBufferPointer { row throws(QuantizationError) in
            guard let importance else { return _ = try encode(row, as: type, into: destination) }
            try importance.withUnsafeBufferPointer { importance throws(QuantizationError) in
                _ = try encode(row, as: type, importance: importance, into: destination)
            }
        }
    }

    private static func blockFormat(_ type: ElementType) -> (any WeightedRowEncoding.Type)? {
        switch type {
        case .q4_0: BlockQ4_0.self
        case .q4_1: BlockQ4_1.self
        case .q5_0: BlockQ5_0.self
        case .q5_1: BlockQ5_1.self
        case .q8_0: BlockQ8_0.self
        case .q2K: BlockQ2K.self
        case .q3K: BlockQ3K.self
        case .q4K: BlockQ4K.self
        case .q5K: BlockQ5K.self
        case .q6K: BlockQ6K.self
        case .q1_0: BlockQ1_0.self
        case .q2_0: BlockQ2_0.self
        case .tq1_0: BlockTQ1_0.self
        case .tq2_0: BlockTQ2_0.self
        case .mxfp4: BlockMXFP4.self
        case .nvfp4: BlockNVFP4.self
        case .iq4NL: BlockIQ4NL.self
        case .iq4XS: BlockIQ4XS.self
        case .iq2XXS: BlockIQ2XXS.self
        case .iq2XS: BlockIQ2XS.self
        case .iq2S: BlockIQ2S.self
        case .iq3XXS: BlockIQ3XXS.self
        case .iq3S: BlockIQ3S.self
        case .iq1S: BlockIQ1S.self
        case .iq1M: BlockIQ1M.self
        default: nil
        }
    }
}

extension UnsafeBufferPointer<Float> {
    /// Whether any value is infinite or NaN: a look at all that costs little.
    package var hasNotFinite: Bool {
        guard let values = UnsafeRawPointer(baseAddress) else { return false }
        // Zero times a finite number is zero, times others it is NaN.
        var sums = SIMD8<Float>.zero
        let whole = count / 8 * 8
        for first in stride(from: 0, to: whole * 4, by: 32) { sums += values.floats8(first) * 0 }
        return sums.sum() != 0 || self[whole...].contains { !$0.isFinite }
    }

    /// Whether no value is negative.
    fileprivate var areNotNegative: Bool {
        guard let values = UnsafeRawPointer(baseAddress) else { return true }
        var least = SIMD8<Float>.zero
        let whole = count / 8 * 8
        for first in stride(from: 0, to: whole * 4, by: 32) {
            let eight = values.floats8(first)
            least.replace(with: eight, where: eight .< least)
        }
        return least.lowest == 0 && self[whole...].allSatisfy { $0 >= 0 }
    }
}
