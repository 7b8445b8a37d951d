/// IQ4_NL: 32 elements in 18 bytes: scale f16, 16 bytes of nibbles as in Q4_0, each the place of an integer in a list.
enum BlockIQ4NL: QuantizedBlock {
    static var type: ElementType { .iq4NL }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { UnevenLevels.integers }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        scales.storeBytes(of: block.halves4(0)[0], as: Float.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        UnevenLevels.unpack(block.bytes16(2), into: integers)
    }
}

/// IQ4_XS: 256 elements in 136 bytes: scale of the scales f16, six-bit scales for each 32 elements (two bytes of the high
/// two bits, lowest group first, then four bytes of the low four), 128 bytes of nibbles, 16 for each 32, as in IQ4_NL;
/// scales − 32.
enum BlockIQ4XS: QuantizedBlock {
    static var type: ElementType { .iq4XS }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { UnevenLevels.integers }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        let high = spreadBitPairs(block.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        let low = spreadNibbles(block.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        let groups = (floats(low | high << 4) - 32) * block.half(0)
        scales.storeBytes(of: groups, as: SIMD8<Float>.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        for group in 0..<8 {
            UnevenLevels.unpack(block.bytes16(8 + group * 16), into: integers + group * 32)
        }
    }
}

/// The sixteen integers of IQ4_NL and IQ4_XS: dense near zero, where most weights are.
enum UnevenLevels {
    static let integers = StoredIntegers.listed([
        -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
    ])

    /// Writes the integers of sixteen low nibbles, then those of the high ones.
    @inline(__always)
    static func unpack(_ bytes: SIMD16<UInt8>, into integers: UnsafeMutableRawPointer) {
        integers.store(signed(levels(bytes & 0x0F)), at: 0)
        integers.store(signed(levels(bytes &>> 4)), at: 16)
    }

    /// The sum of all steps up to each place: the same for every lane, where a table would be read lane by lane.
    @inline(__always)
    private static func levels(_ places: SIMD16<UInt8>) -> SIMD16<UInt8> {
        let low =
            step(places, 1, 23) &+ step(places, 2, 21) &+ step(places, 3, 18)
            &+ step(places, 4, 16) &+ step(places, 5, 14) &+ step(places, 6, 13)
            &+ step(places, 7, 12)
        let high =
            step(places, 8, 11) &+ step(places, 9, 12) &+ step(places, 10, 12)
            &+ step(places, 11, 13) &+ step(places, 12, 15) &+ step(places, 13, 16)
            &+ step(places, 14, 20) &+ step(places, 15, 24)
        return low &+ high &- 127
    }

    /// A step where a place is reached: there the sum has its highest bit set, and all bits are made that.
    @inline(__always)
    private static func step(
        _ places: SIMD16<UInt8>, _ place: UInt8, _ step: UInt8
    ) -> SIMD16<UInt8> {
        let isReached = (places &+ (128 - place)) &>> 7
        return (SIMD16.zero &- isReached) & step
    }
}
