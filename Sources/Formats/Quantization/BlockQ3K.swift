/// Q3_K: 256 elements in 110 bytes: 32 bytes of third bits, 64 bytes of two-bit integers as in Q2_K, 12 bytes of
/// six-bit scales for each 16 elements, scale of the scales f16; q − 4 where the third bit is clear.
enum BlockQ3K: QuantizedBlock {
    static var type: ElementType { .q3K }
    static var groupSize: Int { 16 }
    static var hasMinimum: Bool { false }

    /// Bytes 0–7 hold the low four bits of scales 0–7 (low nibble) and 8–15 (high nibble); bytes 8–11 the high two
    /// bits of scales j, j + 4, j + 8 and j + 12, lowest bits first.
    @inline(__always) static func scales(_ block: UnsafeRawPointer) -> SIMD16<Float> {
        let low = block.loadUnaligned(fromByteOffset: 96, as: UInt64.self)
        let high = UInt64(block.loadUnaligned(fromByteOffset: 104, as: UInt32.self))
        let highOfFirst = (high & 0x0303_0303) | (high >> 2 & 0x0303_0303) << 32
        let highOfLast = (high >> 4 & 0x0303_0303) | (high >> 6 & 0x0303_0303) << 32
        let first = low & 0x0F0F_0F0F_0F0F_0F0F | highOfFirst << 4
        let last = low >> 4 & 0x0F0F_0F0F_0F0F_0F0F | highOfLast << 4
        return SIMD16<Float>(lowHalf: floats(first) - 32, highHalf: floats(last) - 32)
            * block.half(108)
    }

    @inline(__always)
    static func scale(_ scales: SIMD16<Float>, group: Int) -> (scale: Float, minimum: Float) {
        (scales[group], 0)
    }

    @inline(__always)
    static func integers(_ block: UnsafeRawPointer, sixteen index: Int) -> SIMD16<Int8> {
        let thirdBits = block.bytes16(index % 2 * 16) &>> UInt8(index / 2) & 1
        return signed(twoBits(block, 32, sixteen: index) | thirdBits &<< 2) &- 4
    }
}
