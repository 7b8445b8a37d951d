/// Q5_0: 32 elements in 22 bytes: scale f16, 32 fifth bits, 16 bytes of nibbles (element j low, element j + 16
/// high); q − 16.
enum BlockQ5_0: QuantizedBlock {
    static var type: ElementType { .q5_0 }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { false }

    @inline(__always) static func scales(_ block: UnsafeRawPointer) -> Float { block.halves4(0)[0] }

    @inline(__always) static func scale(_ scales: Float, group: Int) -> (
        scale: Float, minimum: Float
    ) {
        (scales, 0)
    }

    @inline(__always)
    static func integers(_ block: UnsafeRawPointer, sixteen index: Int) -> SIMD16<Int8> {
        signed(nibbles(block.bytes16(6), half: index) | fifthBits(block, 2, sixteen: index)) &- 16
    }
}

/// Q5_1: 32 elements in 24 bytes: scale f16, minimum f16, then as Q5_0.
enum BlockQ5_1: QuantizedBlock {
    static var type: ElementType { .q5_1 }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { true }

    @inline(__always)
    static func scales(_ block: UnsafeRawPointer) -> (scale: Float, minimum: Float) {
        let halves = block.halves4(0)
        return (halves[0], halves[1])
    }

    @inline(__always)
    static func scale(
        _ scales: (scale: Float, minimum: Float), group: Int
    ) -> (scale: Float, minimum: Float) { scales }

    @inline(__always)
    static func integers(_ block: UnsafeRawPointer, sixteen index: Int) -> SIMD16<Int8> {
        signed(nibbles(block.bytes16(8), half: index) | fifthBits(block, 4, sixteen: index))
    }
}

/// Bit 4 of sixteen elements, from the word of fifth bits at an offset.
@inline(__always)
private func fifthBits(
    _ block: UnsafeRawPointer, _ offset: Int, sixteen index: Int
) -> SIMD16<UInt8> {
    let word = block.bytes16(offset)
    let bytes = SIMD16<UInt8>(
        lowHalf: SIMD8(repeating: word[2 * index]), highHalf: SIMD8(repeating: word[2 * index + 1]))
    let bits = SIMD16<UInt8>(1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128)
    return SIMD16<UInt8>(repeating: 0).replacing(with: 16, where: bytes & bits .== bits)
}
