/// Q6_K: 256 elements in 210 bytes: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed bytes of scales for
/// each 16 elements, scale of the scales f16; q − 32.
///
/// Each 128 elements take 64 bytes of nibbles (element j low, element j + 64 high) and 32 bytes of bit pairs (bits 0–1
/// of byte j belong to element j, bits 2–3 to element j + 32, and so on).
enum BlockQ6K: QuantizedBlock {
    static var type: ElementType { .q6K }
    static var groupSize: Int { 16 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { .every(-32...31) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        storeSixteen(signed(block.bytes16(192)), times: block.half(208), into: scales)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        forEachColumn { half, column in
            let first = block.bytes16(half * 64 + column)
            let second = block.bytes16(half * 64 + 32 + column)
            let pairs = block.bytes16(128 + half * 32 + column)
            let integers = integers + half * 128 + column
            integers.store(signed(first & 0x0F | (pairs & 3) &<< 4) &- 32, at: 0)
            integers.store(signed(second & 0x0F | (pairs & 12) &<< 2) &- 32, at: 32)
            integers.store(signed(first &>> 4 | pairs & 48) &- 32, at: 64)
            integers.store(signed(second &>> 4 | (pairs & 192) &>> 2) &- 32, at: 96)
        }
    }
}
