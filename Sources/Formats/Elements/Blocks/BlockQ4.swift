/// Q4_0: 32 elements in 18 bytes: scale f16, 16 bytes of nibbles (element j low, element j + 16 high); q − 8.
enum BlockQ4_0: QuantizedBlock {
    static var type: ElementType { .q4_0 }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { .every(-8...7) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        scales.storeBytes(of: block.halves4(0)[0], as: Float.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        let bytes = block.bytes16(2)
        integers.store(signed(bytes & 0x0F) &- 8, at: 0)
        integers.store(signed(bytes &>> 4) &- 8, at: 16)
    }
}

/// Q4_1: 32 elements in 20 bytes: scale f16, minimum f16, 16 bytes of nibbles as in Q4_0.
enum BlockQ4_1: QuantizedBlock {
    static var type: ElementType { .q4_1 }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { true }
    static var integers: StoredIntegers { .every(0...15) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        scales.storeBytes(of: block.halves4(0).lowHalf, as: SIMD2<Float>.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        integers.storeNibbles(block.bytes16(4), low: 0, high: 16)
    }
}
