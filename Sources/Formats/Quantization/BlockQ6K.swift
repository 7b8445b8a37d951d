/// Q6_K: 256 elements in 210 bytes: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed bytes of scales for
/// each 16 elements, scale of the scales f16; q − 32.
///
/// Each 128 elements take 64 bytes of nibbles (element j low, element j + 64 high) and 32 bytes of bit pairs (bits 0–1
/// of byte j belong to element j, bits 2–3 to element j + 32, and so on).
enum BlockQ6K: QuantizedBlock {
    static var type: ElementType { .q6K }
    static var groupSize: Int { 16 }
    static var hasMinimum: Bool { false }

    @inline(__always) static func scales(_ block: UnsafeRawPointer) -> SIMD16<Float> {
        sixteenFloats(signed(block.bytes16(192))) * block.half(208)
    }

    @inline(__always)
    static func scale(_ scales: SIMD16<Float>, group: Int) -> (scale: Float, minimum: Float) {
        (scales[group], 0)
    }

    @inline(__always)
    static func integers(_ block: UnsafeRawPointer, sixteen index: Int) -> SIMD16<Int8> {
        let low = nibbles(block.bytes16(index / 8 * 64 + index % 4 * 16), half: index % 8 / 4)
        let high =
            block.bytes16(128 + index / 8 * 32 + index % 2 * 16) &>> UInt8(index % 8 / 2 * 2) & 3
        return signed(low | high &<< 4) &- 32
    }
}
