import Bytes

/// IQ2_XXS: 256 elements in 66 bytes: scale f16, and for each 32 elements eight bytes: the places of four vectors of eight
/// in a codebook of 256, four times seven signs whose eighth makes an even number, and four bits of a scale;
/// (s + ½) / 4 of the scale.
enum BlockIQ2XXS: QuantizedBlock {
    static var type: ElementType { .iq2XXS }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { IQ2Codebooks.integers }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        let scale = block.half(0)
        for group in 0..<8 {
            let bits = block.loadUnaligned(fromByteOffset: 6 + group * 8, as: UInt32.self) >> 28
            scales.storeBytes(
                of: scale * (0.5 + Float(bits)) * 0.25, toByteOffset: group * 4, as: Float.self)
        }
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        let vectors = IQ2Codebooks.vectors256.pointer
        for group in 0..<8 {
            let signs = block.loadUnaligned(fromByteOffset: 6 + group * 8, as: UInt32.self)
            for eight in 0..<4 {
                let place = block.load(fromByteOffset: 2 + group * 8 + eight, as: UInt8.self)
                integers.storeSigned(
                    vectors[Int(place)], evenSigns(signs >> UInt32(7 * eight)),
                    at: group * 32 + eight * 8)
            }
        }
    }
}

/// IQ2_XS: 256 elements in 74 bytes: scale f16, and for each eight elements 16 bits: nine for the place of a vector in a
/// codebook of 512, seven for signs as in IQ2_XXS; then a nibble of a scale for each 16 elements, as in IQ2_XXS.
enum BlockIQ2XS: QuantizedBlock {
    static var type: ElementType { .iq2XS }
    static var groupSize: Int { 16 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { IQ2Codebooks.integers }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        unpackSixteenths(block, at: 66, into: scales)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        let vectors = IQ2Codebooks.vectors512.pointer
        for eight in 0..<32 {
            let bits = UInt32(block.loadUnaligned(fromByteOffset: 2 + eight * 2, as: UInt16.self))
            integers.storeSigned(vectors[Int(bits & 511)], evenSigns(bits >> 9), at: eight * 8)
        }
    }
}

/// IQ2_S: 256 elements in 82 bytes: scale f16, 32 bytes of the low bits of the places of vectors of eight in a codebook of
/// 1024, 32 bytes of signs, 8 bytes of the places' high bit pairs, scales as in IQ2_XS.
enum BlockIQ2S: QuantizedBlock {
    static var type: ElementType { .iq2S }
    static var groupSize: Int { 16 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { IQ2Codebooks.integers }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        unpackSixteenths(block, at: 74, into: scales)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        let vectors = IQ2Codebooks.vectors1024.pointer
        for group in 0..<8 {
            let high = Int(block.load(fromByteOffset: 66 + group, as: UInt8.self))
            for eight in 0..<4 {
                let low = block.load(fromByteOffset: 2 + group * 4 + eight, as: UInt8.self)
                let signs = block.load(fromByteOffset: 34 + group * 4 + eight, as: UInt8.self)
                let place = Int(low) | (high >> (2 * eight) & 3) << 8
                integers.storeSigned(vectors[place], signs, at: group * 32 + eight * 8)
            }
        }
    }
}

/// Writes the sixteen scales of IQ2_XS and IQ2_S from eight bytes at an offset.
@inline(__always)
private func unpackSixteenths(
    _ block: UnsafeRawPointer, at offset: Int, into scales: UnsafeMutableRawPointer
) {
    let scale = block.half(0)
    for half in 0..<2 {
        let nibbles = block.loadUnaligned(fromByteOffset: offset + half * 4, as: UInt32.self)
        let groups = (floats(spreadNibbles(nibbles)) + 0.5) * scale * 0.25
        scales.storeBytes(of: groups, toByteOffset: half * 32, as: SIMD8<Float>.self)
    }
}

extension UnsafeMutableRawPointer {
    /// Writes eight integers from 1 on, those negative whose bit is set.
    @inline(__always)
    func storeSigned(_ magnitudes: UInt64, _ signs: UInt8, at offset: Int) {
        let ones = spreadBits(signs)
        // A negative byte is the complement and one; no byte is zero, so that nothing is carried to the next.
        storeBytes(of: (magnitudes ^ ones &* 255) &+ ones, toByteOffset: offset, as: UInt64.self)
    }
}
