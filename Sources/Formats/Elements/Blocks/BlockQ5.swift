/// Q5_0: 32 elements in 22 bytes: scale f16, 32 fifth bits, 16 bytes of nibbles (element j low, element j + 16
/// high); q − 16.
enum BlockQ5_0: QuantizedBlock {
    static var type: ElementType { .q5_0 }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { .every(-16...15) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        scales.storeBytes(of: block.halves4(0)[0], as: Float.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        let bytes = block.bytes16(6)
        integers.store(signed(bytes & 0x0F | fifthBits(block, 2, half: 0)) &- 16, at: 0)
        integers.store(signed(bytes &>> 4 | fifthBits(block, 2, half: 1)) &- 16, at: 16)
    }
}

/// Q5_1: 32 elements in 24 bytes: scale f16, minimum f16, then as Q5_0.
enum BlockQ5_1: QuantizedBlock {
    static var type: ElementType { .q5_1 }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { true }
    static var integers: StoredIntegers { .every(0...31) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        scales.storeBytes(of: block.halves4(0).lowHalf, as: SIMD2<Float>.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        let bytes = block.bytes16(8)
        integers.store(signed(bytes & 0x0F | fifthBits(block, 4, half: 0)), at: 0)
        integers.store(signed(bytes &>> 4 | fifthBits(block, 4, half: 1)), at: 16)
    }
}

/// Bit 4 of the first or last sixteen elements, from the word of fifth bits at an offset.
@inline(__always)
private func fifthBits(_ block: UnsafeRawPointer, _ offset: Int, half: Int) -> SIMD16<UInt8> {
    let word = block.bytes16(offset)
    let bytes = SIMD16<UInt8>(
        lowHalf: SIMD8(repeating: word[2 * half]), highHalf: SIMD8(repeating: word[2 * half + 1]))
    let bits = SIMD16<UInt8>(1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128)
    return SIMD16<UInt8>(repeating: 0).replacing(with: 16, where: bytes & bits .== bits)
}
