/// Q8_0: 32 elements in 34 bytes: scale f16, 32 signed bytes.
enum BlockQ8_0: QuantizedBlock {
    static var type: ElementType { .q8_0 }
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
        signed(block.bytes16(2 + 16 * index))
    }
}
