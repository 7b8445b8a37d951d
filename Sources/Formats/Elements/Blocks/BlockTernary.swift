/// TQ1_0: 256 elements in 54 bytes: 48 bytes of five digits of base three, 4 bytes of four digits, scale f16; q − 1.
///
/// A byte is ⌈256 · 0.d₀d₁d₂…⌉ in base three: multiplied by three, its carry is the next digit. The first 32 bytes hold
/// elements 0–159 (digit n of byte j is element 32 n + j), the next 16 elements 160–239, the last four the rest.
enum BlockTQ1_0: QuantizedBlock {
    static var type: ElementType { .tq1_0 }
    static var groupSize: Int { 256 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { .every(-1...1) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        scales.storeBytes(of: block.half(52), as: Float.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        for (column, first, stride) in [(0, 0, 32), (16, 16, 32), (32, 160, 16)] {
            var digits = TernaryDigits(block.bytes16(column))
            for digit in 0..<5 { integers.store(digits.next(), at: first + digit * stride) }
        }
        var last = SIMD16<UInt8>.zero
        for index in 0..<4 {
            last[index] = block.load(fromByteOffset: 48 + index, as: UInt8.self)
        }
        var digits = TernaryDigits(last)
        for digit in 0..<4 {
            let four = unsafeBitCast(digits.next(), to: SIMD4<UInt32>.self)[0]
            integers.storeBytes(of: four, toByteOffset: 240 + digit * 4, as: UInt32.self)
        }
    }
}

/// Sixteen numbers in base three, a byte each, that give their digits one by one.
private struct TernaryDigits {
    /// The bytes at even and at odd places, in 16 bits each, so that there is room for a carry.
    private var even: SIMD8<UInt16>
    private var odd: SIMD8<UInt16>

    @inline(__always)
    init(_ bytes: SIMD16<UInt8>) {
        let pairs = unsafeBitCast(bytes, to: SIMD8<UInt16>.self)
        even = pairs & 255
        odd = pairs &>> 8
    }

    /// The next digits, less one.
    @inline(__always)
    mutating func next() -> SIMD16<Int8> {
        even = even &+ even &+ even
        odd = odd &+ odd &+ odd
        let digits = even &>> 8 | odd & 0xFF00
        even &= 255
        odd &= 255
        return signed(unsafeBitCast(digits, to: SIMD16<UInt8>.self)) &- 1
    }
}

/// TQ2_0: 256 elements in 66 bytes: 64 bytes of two-bit integers as in Q2_K, scale f16; q − 1.
enum BlockTQ2_0: QuantizedBlock {
    static var type: ElementType { .tq2_0 }
    static var groupSize: Int { 256 }
    static var hasMinimum: Bool { false }
    static var integers: StoredIntegers { .every(-1...2) }

    @inline(__always)
    static func unpackScales(_ block: UnsafeRawPointer, into scales: UnsafeMutableRawPointer) {
        scales.storeBytes(of: block.half(64), as: Float.self)
    }

    @inline(__always)
    static func unpackIntegers(_ block: UnsafeRawPointer, into integers: UnsafeMutableRawPointer) {
        forEachColumn { half, column in
            let bytes = block.bytes16(half * 32 + column)
            for pair in 0..<4 {
                let twoBits = bytes &>> UInt8(2 * pair) & 3
                integers.store(signed(twoBits) &- 1, at: half * 128 + pair * 32 + column)
            }
        }
    }
}
