import Bytes

/// IQ1_S: 256 elements in 50 bytes: scale f16, 32 bytes of the low bits of the places of vectors of eight in a codebook of
/// 2048, and 16 bits for each 32 elements: the high three bits of four places, three bits of a scale, and whether ⅛ is
/// taken from or added to the vectors' −1, 0 and 1; 2 s + 1 of the scale.
///
/// Read as eighths: integers 8 q ± 1 beside an eighth of the scale.
enum BlockIQ1S: QuantizedBlock {
    static var type: ElementType { .iq1S }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { IQ1Codebook.integers }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        let scale = block.half(0)
        for group in 0..<8 {
            let bits = block.loadUnaligned(fromByteOffset: 34 + group * 2, as: UInt16.self)
            let factor = Float(2 * (bits >> 12 & 7) + 1)
            scales.storeBytes(of: scale * factor / 8, toByteOffset: group * 4, as: Float.self)
        }
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        let vectors = IQ1Codebook.vectors.pointer
        for group in 0..<8 {
            let bits = Int(block.loadUnaligned(fromByteOffset: 34 + group * 2, as: UInt16.self))
            for eight in 0..<4 {
                let low = block.load(fromByteOffset: 2 + group * 4 + eight, as: UInt8.self)
                let place = Int(low) | (bits >> (3 * eight) & 7) << 8
                integers.storeEighths(
                    vectors[place], isLowered: bits & 0x8000 != 0, at: group * 32 + eight * 8)
            }
        }
    }
}

/// IQ1_M: 256 elements in 56 bytes: 32 bytes as in IQ1_S, a nibble for each eight elements (three high bits of the place,
/// and whether ⅛ is taken away), and four times 16 bits: the scales of four sixteens, three bits each, and above them
/// four bits of the scale f16, the lowest first.
enum BlockIQ1M: QuantizedBlock {
    static var type: ElementType { .iq1M }
    static var groupSize: Int { 16 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { IQ1Codebook.integers }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        let bits = block.loadUnaligned(fromByteOffset: 48, as: UInt64.self)
        let half = bits >> 12 & 15 | bits >> 24 & 0xF0 | bits >> 36 & 0xF00 | bits >> 48 & 0xF000
        let scale = Float(Float16(bitPattern: UInt16(truncatingIfNeeded: half)))
        for group in 0..<16 {
            let factor = 2 * (bits >> UInt64(16 * (group / 4) + 3 * (group % 4)) & 7) + 1
            scales.storeBytes(
                of: scale * Float(factor) / 8, toByteOffset: group * 4, as: Float.self)
        }
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        let vectors = IQ1Codebook.vectors.pointer
        for eight in 0..<32 {
            let low = block.load(fromByteOffset: eight, as: UInt8.self)
            let nibbles = Int(block.load(fromByteOffset: 32 + eight / 2, as: UInt8.self))
            let nibble = nibbles >> (4 * (eight % 2))
            integers.storeEighths(
                vectors[Int(low) | (nibble & 7) << 8], isLowered: nibble & 8 != 0, at: eight * 8)
        }
    }
}

extension UnsafeMutableRawPointer {
    /// Writes eight integers, one less than or one more than they are.
    @inline(__always)
    fileprivate func storeEighths(_ word: UInt64, isLowered: Bool, at offset: Int) {
        let bytes =
            unsafeBitCast(word, to: SIMD8<UInt8>.self)
            &+ (isLowered ? SIMD8(repeating: 255) : SIMD8(repeating: 1))
        storeBytes(of: bytes, toByteOffset: offset, as: SIMD8<UInt8>.self)
    }
}
