/// Q4_K: 256 elements in 144 bytes: scale of the scales f16, scale of the minimums f16, 12 bytes of six-bit scales and
/// minimums for each 32 elements, 128 bytes of nibbles.
///
/// Each 32 bytes of nibbles hold 64 elements: element j low, element j + 32 high.
enum BlockQ4K: QuantizedBlock {
    static var type: ElementType { .q4K }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { true }

    @inline(__always) static func scales(_ block: UnsafeRawPointer) -> SixBitScales {
        SixBitScales(block)
    }

    @inline(__always)
    static func scale(_ scales: SixBitScales, group: Int) -> (scale: Float, minimum: Float) {
        (scales.scales[group], scales.minimums[group])
    }

    @inline(__always)
    static func integers(_ block: UnsafeRawPointer, sixteen index: Int) -> SIMD16<Int8> {
        signed(nibblesOfPairs(block, 16, sixteen: index))
    }
}

/// Q5_K: 256 elements in 176 bytes: as Q4_K with 32 bytes of fifth bits before the nibbles: bit g of byte j belongs to
/// element 32 g + j.
enum BlockQ5K: QuantizedBlock {
    static var type: ElementType { .q5K }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { true }

    @inline(__always) static func scales(_ block: UnsafeRawPointer) -> SixBitScales {
        SixBitScales(block)
    }

    @inline(__always)
    static func scale(_ scales: SixBitScales, group: Int) -> (scale: Float, minimum: Float) {
        (scales.scales[group], scales.minimums[group])
    }

    @inline(__always)
    static func integers(_ block: UnsafeRawPointer, sixteen index: Int) -> SIMD16<Int8> {
        let fifthBits = block.bytes16(16 + index % 2 * 16) &>> UInt8(index / 2) & 1
        return signed(nibblesOfPairs(block, 48, sixteen: index) | fifthBits &<< 4)
    }
}

/// The eight scales and minimums of a Q4_K or Q5_K block.
struct SixBitScales {
    let scales: SIMD8<Float>
    let minimums: SIMD8<Float>

    /// Bytes 4–7 hold scales 0–3 and bytes 8–11 minimums 0–3 in their low six bits; bytes 12–15 the low four bits of
    /// scales 4–7 (low nibble) and minimums 4–7 (high nibble), whose high two bits top bytes 4–7 and 8–11.
    @inline(__always) init(_ block: UnsafeRawPointer) {
        let first = UInt64(block.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        let second = UInt64(block.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        let third = UInt64(block.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
        let lastScales = third & 0x0F0F_0F0F | first >> 2 & 0x3030_3030
        let lastMinimums = third >> 4 & 0x0F0F_0F0F | second >> 2 & 0x3030_3030
        scales = floats(first & 0x3F3F_3F3F | lastScales << 32) * block.half(0)
        minimums = floats(second & 0x3F3F_3F3F | lastMinimums << 32) * -block.half(2)
    }
}

@inline(__always)
private func nibblesOfPairs(
    _ block: UnsafeRawPointer, _ offset: Int, sixteen index: Int
) -> SIMD16<UInt8> {
    nibbles(block.bytes16(offset + index / 4 * 32 + index % 2 * 16), half: index / 2 % 2)
}
