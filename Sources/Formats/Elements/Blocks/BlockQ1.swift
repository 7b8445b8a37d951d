/// Q1_0: 128 elements in 18 bytes: scale f16, a bit for each element, lowest first: 1 where it is set, −1 where not.
enum BlockQ1_0: QuantizedBlock {
    static var type: ElementType { .q1_0 }
    static var groupSize: Int { 128 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { .listed([-1, 1]) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        scales.storeBytes(of: block.halves4(0)[0], as: Float.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        for byte in 0..<16 {
            let bits = block.load(fromByteOffset: 2 + byte, as: UInt8.self)
            integers.storeSigned(0x0101_0101_0101_0101, ~bits, at: byte * 8)
        }
    }
}

/// Q2_0: 64 elements in 18 bytes: scale f16, two bits for each element, lowest first; q − 1.
enum BlockQ2_0: QuantizedBlock {
    static var type: ElementType { .q2_0 }
    static var groupSize: Int { 64 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { .every(-1...2) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        scales.storeBytes(of: block.halves4(0)[0], as: Float.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        for eight in 0..<8 {
            let pairs = block.loadUnaligned(fromByteOffset: 2 + eight * 2, as: UInt16.self)
            let numbers = unsafeBitCast(spreadBitPairs(pairs), to: SIMD8<UInt8>.self)
            integers.storeBytes(of: numbers &- 1, toByteOffset: eight * 8, as: SIMD8<UInt8>.self)
        }
    }
}
