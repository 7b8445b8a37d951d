/// Q2_K: 256 elements in 84 bytes: 16 bytes of a scale (low nibble) and a minimum (high nibble) for each 16 elements,
/// 64 bytes of two-bit integers, scale of the scales f16, scale of the minimums f16.
///
/// Each 32 bytes of integers hold 128 elements: bits 0–1 of byte j are element j, bits 2–3 element j + 32, and so on.
enum BlockQ2K: QuantizedBlock {
    static var type: ElementType { .q2K }
    static var groupSize: Int { 16 }
    static var hasMinimum: Bool { true }

    struct Scales {
        let scales: SIMD16<Float>
        let minimums: SIMD16<Float>
    }

    @inline(__always) static func scales(_ block: UnsafeRawPointer) -> Scales {
        let packed = block.bytes16(0)
        return Scales(
            scales: sixteenFloats(signed(nibbles(packed, half: 0))) * block.half(80),
            minimums: sixteenFloats(signed(nibbles(packed, half: 1))) * -block.half(82))
    }

    @inline(__always)
    static func scale(_ scales: Scales, group: Int) -> (scale: Float, minimum: Float) {
        (scales.scales[group], scales.minimums[group])
    }

    @inline(__always)
    static func integers(_ block: UnsafeRawPointer, sixteen index: Int) -> SIMD16<Int8> {
        signed(twoBits(block, 16, sixteen: index))
    }
}

/// Sixteen two-bit integers of a Q2_K or Q3_K block, whose bytes of integers begin at an offset.
@inline(__always)
func twoBits(_ block: UnsafeRawPointer, _ offset: Int, sixteen index: Int) -> SIMD16<UInt8> {
    let bytes = block.bytes16(offset + index / 8 * 32 + index % 2 * 16)
    return bytes &>> UInt8(index % 8 / 2 * 2) & 3
}

@inline(__always) func sixteenFloats(_ integers: SIMD16<Int8>) -> SIMD16<Float> {
    SIMD16<Float>(
        lowHalf: SIMD8<Float>(integers.lowHalf), highHalf: SIMD8<Float>(integers.highHalf))
}
