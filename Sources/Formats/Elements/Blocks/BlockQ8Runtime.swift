/// Q8_1: 32 elements in 36 bytes: scale f16, the sum of the scaled elements f16 (not needed to widen them), 32 signed
/// bytes. Runtimes encode activations so.
enum BlockQ8_1: QuantizedBlock {
    static var type: ElementType { .q8_1 }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { .every(-128...127) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        scales.storeBytes(of: block.halves4(0)[0], as: Float.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        integers.store(signed(block.bytes16(4)), at: 0)
        integers.store(signed(block.bytes16(20)), at: 16)
    }
}

/// Q8_K: 256 elements in 292 bytes: scale f32, 256 signed bytes, sums of each 16 of them as 16-bit integers (not needed
/// to widen them). Runtimes encode activations so.
enum BlockQ8K: QuantizedBlock {
    static var type: ElementType { .q8K }
    static var groupSize: Int { 256 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { .every(-128...127) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        scales.storeBytes(of: block.loadUnaligned(as: Float.self), as: Float.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        integers.copyMemory(from: block + 4, byteCount: 256)
    }
}
