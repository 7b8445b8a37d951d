/// Q4_0: 32 elements in 18 bytes: scale f16, 16 bytes of nibbles (element j low, element j + 16 high); q − 8.
enum BlockQ4_0: QuantizedBlock {
    static var type: ElementType { .q4_0 }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { false }

    @inline(__always) static func scales(_ block: UnsafeRawPointer) -> Float { block.halves4(0)[0] }

    @inline(__always) static func scale(_ scales: Float, group: Int) -> (
        scale: Float, minimum: Float
    ) {
        (scales, 0)
    }

    @inline(__always)
    static func integers(_ block: UnsafeRawPointer, sixteen index: Int) -> SIMD16<Int8> {
        signed(nibbles(block.bytes16(2), half: index)) &- 8
    }
}

/// Q4_1: 32 elements in 20 bytes: scale f16, minimum f16, 16 bytes of nibbles as in Q4_0.
enum BlockQ4_1: QuantizedBlock {
    static var type: ElementType { .q4_1 }
    static var groupSize: Int { 32 }
    static var hasMinimum: Bool { true }

    @inline(__always)
    static func scales(_ block: UnsafeRawPointer) -> (scale: Float, minimum: Float) {
        let halves = block.halves4(0)
        return (halves[0], halves[1])
    }

    @inline(__always)
    static func scale(
        _ scales: (scale: Float, minimum: Float), group: Int
    ) -> (scale: Float, minimum: Float) { scales }

    @inline(__always)
    static func integers(_ block: UnsafeRawPointer, sixteen index: Int) -> SIMD16<Int8> {
        signed(nibbles(block.bytes16(4), half: index))
    }
}
