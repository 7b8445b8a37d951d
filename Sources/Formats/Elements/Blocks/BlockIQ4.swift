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
        let levels = self.levels(SIMD32(lowHalf: bytes & 0x0F, highHalf: bytes &>> 4))
        integers.storeBytes(of: levels, as: SIMD32<UInt8>.self)
    }

    /// The sum of all steps up to each place: the same for every lane, where a table would be read lane by lane.
    @inline(__always)
    private static func levels(_ places: SIMD32<UInt8>) -> SIMD32<UInt8> {
        var levels = SIMD32<UInt8>(repeating: UInt8(bitPattern: -127))
        @inline(__always) func add(_ step: UInt8, from place: UInt8) {
            // The highest bit says whether the place is reached; all bits are made that.
            levels &+= .zero &- (places &+ (128 - place)) &>> 7 & step
        }
        add(23, from: 1)
        add(21, from: 2)
        add(18, from: 3)
        add(16, from: 4)
        add(14, from: 5)
        add(13, from: 6)
        add(12, from: 7)
        add(11, from: 8)
        add(12, from: 9)
        add(12, from: 10)
        add(13, from: 11)
        add(15, from: 12)
        add(16, from: 13)
        add(20, from: 14)
        add(24, from: 15)
        return levels
    }
}
