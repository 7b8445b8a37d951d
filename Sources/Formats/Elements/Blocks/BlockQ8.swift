/// Q8_0: 32 elements in 34 bytes: scale f16, 32 signed bytes.
enum BlockQ8_0: QuantizedBlock {
    static var type: ElementType { .q8_0 }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { .every(-128...127) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        scales.storeBytes(of: block.halves4(0)[0], as: Float.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        integers.store(signed(block.bytes16(2)), at: 0)
        integers.store(signed(block.bytes16(18)), at: 16)
    }
}
