/// Q3_K: 256 elements in 110 bytes: 32 bytes of third bits, 64 bytes of two-bit integers as in Q2_K, 12 bytes of
/// six-bit scales for each 16 elements, scale of the scales f16; q − 4 where the third bit is clear.
enum BlockQ3K: QuantizedBlock {
    static var type: ElementType { .q3K }
    static var groupSize: Int { 16 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { .every(-4...3) }

    /// Bytes 0–7 hold the low four bits of scales 0–7 (low nibble) and 8–15 (high nibble); bytes 8–11 the high two
    /// bits of scales j, j + 4, j + 8 and j + 12, lowest bits first.
    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        let low = block.loadUnaligned(fromByteOffset: 96, as: UInt64.self)
        let high = UInt64(block.loadUnaligned(fromByteOffset: 104, as: UInt32.self))
        let highOfFirst = (high & 0x0303_0303) | (high >> 2 & 0x0303_0303) << 32
        let highOfLast = (high >> 4 & 0x0303_0303) | (high >> 6 & 0x0303_0303) << 32
        let first = low & 0x0F0F_0F0F_0F0F_0F0F | highOfFirst << 4
        let last = low >> 4 & 0x0F0F_0F0F_0F0F_0F0F | highOfLast << 4
        let scale = block.half(108)
        scales.storeBytes(of: (floats(first) - 32) * scale, as: SIMD8<Float>.self)
        scales.storeBytes(of: (floats(last) - 32) * scale, toByteOffset: 32, as: SIMD8<Float>.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        forEachColumn { half, column in
            let bytes = block.bytes16(32 + half * 32 + column)
            let thirdBits = block.bytes16(column)
            let ours = half == 0 ? thirdBits : thirdBits &>> 4
            for pair in 0..<4 {
                let low = bytes &>> UInt8(2 * pair) & 3
                let high = (ours &>> UInt8(pair) & 1) &<< 2
                integers.store(signed(low | high) &- 4, at: half * 128 + pair * 32 + column)
            }
        }
    }
}
