/// Q2_K: 256 elements in 84 bytes: 16 bytes of a scale (low nibble) and a minimum (high nibble) for each 16 elements,
/// 64 bytes of two-bit integers, scale of the scales f16, scale of the minimums f16.
///
/// Each 32 bytes of integers hold 128 elements: bits 0–1 of byte j are element j, bits 2–3 element j + 32, and so on.
enum BlockQ2K: QuantizedBlock {
    static var type: ElementType { .q2K }
    static var groupSize: Int { 16 }
    static var hasMinimum: Bool { true }
    static var integers: StoredIntegers { .every(0...3) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        let packed = block.bytes16(0)
        storeSixteen(signed(packed & 0x0F), times: block.half(80), into: scales)
        storeSixteen(signed(packed &>> 4), times: -block.half(82), into: scales + 64)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        forEachColumn { half, column in
            let bytes = block.bytes16(16 + half * 32 + column)
            for pair in 0..<4 {
                let twoBits = bytes &>> UInt8(2 * pair) & 3
                integers.store(signed(twoBits), at: half * 128 + pair * 32 + column)
            }
        }
    }
}

/// Calls the body with each half of a block of 256, and each first of the sixteen bytes (0 or 16) that the half's
/// thirty-twos share.
@inline(__always) func forEachColumn(_ body: (_ half: Int, _ column: Int) -> Void) {
    for half in 0..<2 {
        body(half, 0)
        body(half, 16)
    }
}

/// Writes the sixteen scales of a block.
@inline(__always)
func storeSixteen(
    _ integers: SIMD16<Int8>, times scale: Float, into scales: UnsafeMutableRawPointer
) {
    scales.storeBytes(of: floats(integers.lowHalf) * scale, as: SIMD8<Float>.self)
    scales.storeBytes(
        of: floats(integers.highHalf) * scale, toByteOffset: 32, as: SIMD8<Float>.self)
}
