/// Q4_K: 256 elements in 144 bytes: scale of the scales f16, scale of the minimums f16, 12 bytes of six-bit scales and
/// minimums for each 32 elements, 128 bytes of nibbles.
///
/// Each 32 bytes of nibbles hold 64 elements: element j low, element j + 32 high.
enum BlockQ4K: QuantizedBlock {
    static var type: ElementType { .q4K }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { true }
    static var integers: StoredIntegers { .every(0...15) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        unpackSixBits(block, into: scales)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        for pair in 0..<4 {
            for column in stride(from: 0, to: 32, by: 16) {
                let bytes = block.bytes16(16 + pair * 32 + column)
                integers.storeNibbles(bytes, low: pair * 64 + column, high: pair * 64 + 32 + column)
            }
        }
    }
}

/// Q5_K: 256 elements in 176 bytes: as Q4_K with 32 bytes of fifth bits before the nibbles: bit g of byte j belongs to
/// element 32 g + j.
enum BlockQ5K: QuantizedBlock {
    static var type: ElementType { .q5K }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { true }
    static var integers: StoredIntegers { .every(0...31) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        unpackSixBits(block, into: scales)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        for pair in 0..<4 {
            for column in stride(from: 0, to: 32, by: 16) {
                let bytes = block.bytes16(48 + pair * 32 + column)
                let fifthBits = block.bytes16(16 + column) &>> UInt8(2 * pair)
                let low = bytes & 0x0F | (fifthBits & 1) &<< 4
                let high = bytes &>> 4 | (fifthBits & 2) &<< 3
                integers.store(signed(low), at: pair * 64 + column)
                integers.store(signed(high), at: pair * 64 + 32 + column)
            }
        }
    }
}

/// Writes the eight scales and eight minimums of a Q4_K or Q5_K block.
///
/// Bytes 4–7 hold scales 0–3 and bytes 8–11 minimums 0–3 in their low six bits; bytes 12–15 the low four bits of
/// scales 4–7 (low nibble) and minimums 4–7 (high nibble), whose high two bits top bytes 4–7 and 8–11.
@inline(__always)
private func unpackSixBits(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
    let first = UInt64(block.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    let second = UInt64(block.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
    let third = UInt64(block.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
    let lastScales = third & 0x0F0F_0F0F | first >> 2 & 0x3030_3030
    let lastMinimums = third >> 4 & 0x0F0F_0F0F | second >> 2 & 0x3030_3030
    let packedScales = floats(first & 0x3F3F_3F3F | lastScales << 32)
    let packedMinimums = floats(second & 0x3F3F_3F3F | lastMinimums << 32)
    scales.storeBytes(of: packedScales * block.half(0), as: SIMD8<Float>.self)
    scales.storeBytes(of: packedMinimums * -block.half(2), toByteOffset: 32, as: SIMD8<Float>.self)
}
