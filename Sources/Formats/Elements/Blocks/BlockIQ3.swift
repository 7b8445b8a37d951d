import Bytes

/// IQ3_XXS: 256 elements in 98 bytes: scale f16, 64 bytes of the places of vectors of four in a codebook of 256, and for
/// each 32 elements four bytes of signs and a scale as in IQ2_XXS; (s + ½) / 2 of the scale.
enum BlockIQ3XXS: QuantizedBlock {
    static var type: ElementType { .iq3XXS }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { IQ3Codebooks.integers256 }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        let scale = block.half(0)
        for group in 0..<8 {
            let bits = block.loadUnaligned(fromByteOffset: 66 + group * 4, as: UInt32.self) >> 28
            scales.storeBytes(
                of: scale * (0.5 + Float(bits)) * 0.5, toByteOffset: group * 4, as: Float.self)
        }
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        let vectors = IQ3Codebooks.vectors256.pointer
        for group in 0..<8 {
            let signs = block.loadUnaligned(fromByteOffset: 66 + group * 4, as: UInt32.self)
            for eight in 0..<4 {
                let places = block + 2 + group * 8 + eight * 2
                let low = UInt64(vectors[Int(places.load(as: UInt8.self))])
                let high = UInt64(vectors[Int(places.load(fromByteOffset: 1, as: UInt8.self))])
                integers.storeSigned(
                    low | high << 32, evenSigns(signs >> UInt32(7 * eight)),
                    at: group * 32 + eight * 8)
            }
        }
    }
}

/// IQ3_S: 256 elements in 110 bytes: scale f16, 64 bytes of the low bits of the places of vectors of four in a codebook of
/// 512, 8 bytes of their ninth bits, 32 bytes of signs, a nibble of a scale for each 32 elements; 2 s + 1 of the scale.
enum BlockIQ3S: QuantizedBlock {
    static var type: ElementType { .iq3S }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { IQ3Codebooks.integers512 }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        let nibbles = block.loadUnaligned(fromByteOffset: 106, as: UInt32.self)
        let groups = (floats(spreadNibbles(nibbles)) * 2 + 1) * block.half(0)
        scales.storeBytes(of: groups, as: SIMD8<Float>.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        let vectors = IQ3Codebooks.vectors512.pointer
        for group in 0..<8 {
            let ninthBits = Int(block.load(fromByteOffset: 66 + group, as: UInt8.self))
            @inline(__always) func vector(_ index: Int) -> UInt64 {
                let low = block.load(fromByteOffset: 2 + group * 8 + index, as: UInt8.self)
                return UInt64(vectors[Int(low) | (ninthBits >> index & 1) << 8])
            }
            for eight in 0..<4 {
                let signs = block.load(fromByteOffset: 74 + group * 4 + eight, as: UInt8.self)
                integers.storeSigned(
                    vector(eight * 2) | vector(eight * 2 + 1) << 32, signs,
                    at: group * 32 + eight * 8)
            }
        }
    }
}
