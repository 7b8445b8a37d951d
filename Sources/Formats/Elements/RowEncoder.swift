/// Encodes rows of f32 values in any type that rtedit can write: plain floats, and quantised blocks.
///
/// Blocks are those of llama.cpp's reference quantisers (`quantize_row_*_ref` of ggml, without importance weights), bit
/// for bit: the same float operations in the same order.
package enum RowEncoder {
    /// Whether values can be encoded as this type: f64, f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, q2_k to q6_k.
    package static func isSupported(_ type: ElementType) -> Bool {
        FloatEncoder.isSupported(type) || blockLoop(for: type) != nil
    }

    /// Encodes whole blocks.
    ///
    /// - Returns: how many finite values are too large for a plain type and became infinite.
    /// - Throws: `QuantizationError.unsupported` for a type that cannot be written, `.sizeMismatch` where the
    ///   destination is not exactly as long as the source's elements take; for quantised types `.notFinite` and
    ///   `.tooLarge`, since a scale that is not finite would spoil the whole block.
    package static func encode(
        _ row: UnsafeBufferPointer<Float>, as type: ElementType,
        into destination: UnsafeMutableRawBufferPointer
    ) throws(QuantizationError) -> Int {
        guard let loop = blockLoop(for: type) else {
            return try FloatEncoder.encode(row, as: type, into: destination)
        }
        guard type.byteCount(elements: row.count) == destination.count else {
            throw .sizeMismatch(type: type, elements: row.count, bytes: destination.count)
        }
        if let index = row.firstIndex(where: { !$0.isFinite }) {
            throw .notFinite(type: type, index: index)
        }
        guard let values = row.baseAddress, let output = destination.baseAddress else { return 0 }
        let blocks = row.count / type.elementsPerBlock
        if let block = loop(UnsafeRawPointer(values), blocks, output) {
            throw .tooLarge(type: type, index: block * type.elementsPerBlock)
        }
        return 0
    }

    /// A row as a type stores it, and as its values are read back.
    ///
    /// - Returns: nil where the type cannot be written, or cannot hold the row.
    package static func roundTrip(
        _ row: [Float], as type: ElementType
    ) -> (values: [Float], bytes: [UInt8])? {
        guard let size = type.byteCount(elements: row.count) else { return nil }
        var bytes = [UInt8](repeating: 0, count: size)
        var values = row
        let isDone = bytes.withUnsafeMutableBytes { bytes in
            row.withUnsafeBufferPointer { row in
                values.withUnsafeMutableBufferPointer { values in
                    (try? encode(row, as: type, into: bytes)) != nil
                        && (try? Dequantizer.widen(
                            UnsafeRawBufferPointer(bytes), type: type, into: values)) != nil
                }
            }
        }
        return isDone ? (values, bytes) : nil
    }

    /// Encodes so many blocks; returns the first that does not fit the type.
    private typealias BlockLoop = (UnsafeRawPointer, Int, UnsafeMutableRawPointer) -> Int?

    private static func blockLoop(for type: ElementType) -> BlockLoop? {
        switch type {
        case .q4_0: loop(BlockQ4_0.self)
        case .q4_1: loop(BlockQ4_1.self)
        case .q5_0: loop(BlockQ5_0.self)
        case .q5_1: loop(BlockQ5_1.self)
        case .q8_0: loop(BlockQ8_0.self)
        case .q2K: loop(BlockQ2K.self)
        case .q3K: loop(BlockQ3K.self)
        case .q4K: loop(BlockQ4K.self)
        case .q5K: loop(BlockQ5K.self)
        case .q6K: loop(BlockQ6K.self)
        default: nil
        }
    }

    // Inlined, so that each case gets a loop specialised for its type.
    @inline(__always)
    private static func loop<Block: SimpleBlockEncoding>(_ block: Block.Type) -> BlockLoop {
        { values, blocks, output in
            for index in 0..<blocks {
                let source = values + index * Block.elements * 4
                guard Block.encode(source, into: output + index * Block.byteCount) else {
                    return index
                }
            }
            return nil
        }
    }

    @inline(__always)
    private static func loop<Block: SuperBlockEncoding>(_ block: Block.Type) -> BlockLoop {
        { values, blocks, output in
            BlockLanes.with(groupSize: Block.groupSize) { lanes in
                for index in 0..<blocks {
                    lanes.load(values + index * Block.elements * 4)
                    guard Block.encode(lanes, into: output + index * Block.byteCount) else {
                        return index
                    }
                }
                return nil
            }
        }
    }
}
