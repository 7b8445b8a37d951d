/// MXFP4 (OCP Microscaling Formats 1.0): 32 elements in 17 bytes: scale e8m0, 16 bytes of four-bit floats e2m1 as Q4_0 has
/// its nibbles.
///
/// The floats are read as twice their values, which are whole, and the scale as half.
enum BlockMXFP4: QuantizedBlock {
    static var type: ElementType { .mxfp4 }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { FourBitFloats.doubled }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        let exponent = UInt32(block.load(as: UInt8.self))
        // 2 to the exponent − 128; below two that is subnormal.
        let bits = exponent < 2 ? 0x0020_0000 << exponent : (exponent - 1) << 23
        scales.storeBytes(of: Float(bitPattern: bits), as: Float.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        let bytes = block.bytes16(1)
        integers.store(FourBitFloats.doubled(bytes & 0x0F), at: 0)
        integers.store(FourBitFloats.doubled(bytes &>> 4), at: 16)
    }
}

/// NVFP4: 64 elements in 36 bytes: four scales e4m3 without sign, one for each 16 elements, and for each 16 eight bytes of
/// four-bit floats e2m1 (element j low, element j + 8 high).
///
/// The floats are read as in MXFP4. A scale's highest bit is ignored; the pattern of e4m3's NaN is zero.
enum BlockNVFP4: QuantizedBlock {
    static var type: ElementType { .nvfp4 }
    static var groupSize: Int { 16 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { FourBitFloats.doubled }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        for group in 0..<4 {
            let scale = halfScale(block.load(fromByteOffset: group, as: UInt8.self))
            scales.storeBytes(of: scale, toByteOffset: group * 4, as: Float.self)
        }
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        for pair in 0..<2 {
            let bytes = block.bytes16(4 + pair * 16)
            let low = FourBitFloats.doubled(bytes & 0x0F)
            let high = FourBitFloats.doubled(bytes &>> 4)
            integers.store(SIMD16(lowHalf: low.lowHalf, highHalf: high.lowHalf), at: pair * 32)
            integers.store(
                SIMD16(lowHalf: low.highHalf, highHalf: high.highHalf), at: pair * 32 + 16)
        }
    }

    @inline(__always)
    private static func halfScale(_ bits: UInt8) -> Float {
        guard bits != 0x7F else { return 0 }
        let exponent = UInt32(bits >> 3 & 15)
        let fraction = UInt32(bits & 7)
        guard exponent > 0 else { return Float(fraction) * 0x1p-10 }
        // Half of 2 to the exponent − 7.
        return Float(bitPattern: (exponent + 119) << 23 | fraction << 20)
    }
}

/// Floats of one sign, two exponent and one fraction bit (e2m1): 0, 0.5, 1, 1.5, 2, 3, 4, 6.
enum FourBitFloats {
    static let doubled = StoredIntegers.listed([
        -12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12,
    ])

    /// Twice the values of sixteen.
    @inline(__always)
    static func doubled(_ codes: SIMD16<UInt8>) -> SIMD16<Int8> {
        let low = codes & 3
        // Codes 4 to 7 are 4, 6, 8 and 12: 4 more than their low bits, and those twice, and 2 more for the last.
        let isHigh = .zero &- (codes &>> 2 & 1)
        let raise = (low &+ 4 &+ (low & low &>> 1) &<< 1) & isHigh
        let signs = .zero &- (codes &>> 3)
        return signed((low &+ raise ^ signs) &- signs)
    }
}
