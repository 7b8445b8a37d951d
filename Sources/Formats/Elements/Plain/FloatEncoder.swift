/// Encodes f32 values as plain floats, rounding to nearest, ties to even.
package enum FloatEncoder {
    /// Whether values can be encoded as this type: f64, f32, f16 or bf16.
    package static func isSupported(_ type: ElementType) -> Bool { type.isPlainFloat }

    /// Encodes values, little-endian. A NaN stays a NaN of its sign and becomes quiet in f16 and bf16; f32 keeps all
    /// bits.
    ///
    /// - Returns: how many finite values are too large for the type and became infinite.
    /// - Throws: `QuantizationError.unsupported` for any other type, `.sizeMismatch` where the destination is not
    ///   exactly as long as the source's elements take.
    package static func encode(
        _ source: UnsafeBufferPointer<Float>, as type: ElementType,
        into destination: UnsafeMutableRawBufferPointer
    ) throws(QuantizationError) -> Int {
        guard isSupported(type) else { throw .unsupported(type: type) }
        guard type.byteCount(elements: source.count) == destination.count else {
            throw .sizeMismatch(type: type, elements: source.count, bytes: destination.count)
        }
        switch type {
        case .f64:
            for index in source.indices {
                destination.storeBytes(
                    of: Double(source[index]), toByteOffset: index * 8, as: Double.self)
            }
            return 0
        case .f16: return encodeHalves(source, into: destination)
        case .bf16: return encodeBrainFloats(source, into: destination)
        default:
            destination.copyMemory(from: UnsafeRawBufferPointer(source))
            return 0
        }
    }

    private static func encodeHalves(
        _ source: UnsafeBufferPointer<Float>, into destination: UnsafeMutableRawBufferPointer
    ) -> Int {
        var overflows = 0
        for index in 0..<source.count {
            let bits = Float16(source[index]).bitPattern
            destination.storeBytes(of: bits, toByteOffset: index &* 2, as: UInt16.self)
            // Without a branch or a trap the loop runs on vectors.
            let isFinite = source[index].bitPattern & 0x7FFF_FFFF < 0x7F80_0000
            overflows &+= (bits & 0x7FFF == 0x7C00 ? 1 : 0) & (isFinite ? 1 : 0)
        }
        return overflows
    }

    private static func encodeBrainFloats(
        _ source: UnsafeBufferPointer<Float>, into destination: UnsafeMutableRawBufferPointer
    ) -> Int {
        var overflows = 0
        for index in 0..<source.count {
            let bits = source[index].bitPattern
            let isNaN = bits & 0x7FFF_FFFF > 0x7F80_0000
            let quiet = bits >> 16 | 0x40
            // Adds half of the last kept place, less one where that place is even.
            let rounded = (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16
            destination.storeBytes(
                of: UInt16(truncatingIfNeeded: isNaN ? quiet : rounded), toByteOffset: index &* 2,
                as: UInt16.self)
            overflows &+=
                (rounded & 0x7FFF == 0x7F80 ? 1 : 0) & (bits & 0x7FFF_FFFF < 0x7F80_0000 ? 1 : 0)
        }
        return overflows
    }
}
