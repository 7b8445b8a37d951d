extension BlockTQ1_0: SimpleBlockEncoding {
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool {
        let scale = withTernaryDigits(values, count: 256) { digits in
            pack(digits, columns: 32, digits: 5, to: block)
            pack(digits + 160, columns: 16, digits: 5, to: block + 32)
            pack(digits + 240, columns: 4, digits: 4, to: block + 48)
        }
        block.storeBytes(of: scale, toByteOffset: 52, as: Float16.self)
        return scale.isFinite
    }

    /// Digit n of column j is that of element n · columns + j.
    @inline(__always)
    private static func pack(
        _ elements: UnsafeRawPointer, columns: Int, digits: Int, to output: UnsafeMutableRawPointer
    ) {
        for column in 0..<columns {
            var number: UInt16 = 0
            for digit in 0..<5 {
                number *= 3
                guard digit < digits else { continue }
                let place = digit * columns + column
                number += UInt16(elements.load(fromByteOffset: place, as: UInt8.self))
            }
            output.storeBytes(
                of: UInt8(truncatingIfNeeded: (number * 256 + 242) / 243), toByteOffset: column,
                as: UInt8.self)
        }
    }
}

extension BlockTQ2_0: SimpleBlockEncoding {
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool {
        let scale = withTernaryDigits(values, count: 256) { storeBitPairs($0, to: block) }
        block.storeBytes(of: scale, toByteOffset: 64, as: Float16.self)
        return scale.isFinite
    }
}

extension BlockQ2_0: SimpleBlockEncoding {
    /// The value of largest magnitude becomes 1 or −1, so that no element is 2.
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool {
        let scale = withTernaryDigits(values, count: 64) { digits in
            for byte in 0..<16 {
                let four = digits.loadUnaligned(fromByteOffset: byte * 4, as: UInt32.self)
                let pairs = four | four >> 6 | four >> 12 | four >> 18
                block.storeBytes(
                    of: UInt8(truncatingIfNeeded: pairs), toByteOffset: 2 + byte, as: UInt8.self)
            }
        }
        block.storeBytes(of: scale, as: Float16.self)
        return scale.isFinite
    }
}

extension BlockQ1_0: SimpleBlockEncoding {
    /// Signs, and the mean magnitude as scale.
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool {
        var sum: Float = 0
        for index in 0..<128 { sum += abs(values.float(index)) }
        for byte in 0..<16 {
            var bits: UInt8 = 0
            for bit in 0..<8 where values.float(byte * 8 + bit) >= 0 { bits |= 1 << UInt8(bit) }
            block.storeBytes(of: bits, toByteOffset: 2 + byte, as: UInt8.self)
        }
        let scale = Float16(sum / 128)
        block.storeBytes(of: scale, as: Float16.self)
        return scale.isFinite
    }
}

/// Rounds values to −1, 0 or 1 times their largest magnitude; calls the body with a byte for each, one more than that.
@inline(__always)
private func withTernaryDigits(
    _ values: UnsafeRawPointer, count: Int, _ body: (UnsafeRawPointer) -> Void
) -> Float16 {
    let largest = values.largestMagnitude(count: count)
    let factor = SimpleBlock.inverse(largest)
    withUnsafeTemporaryAllocation(byteCount: 256, alignment: 16) {
        // A temporary allocation that is not empty always has an address.
        let digits = $0.baseAddress.unsafelyUnwrapped
        for first in stride(from: 0, to: count, by: 32) {
            let bytes = SimpleBlock.wholeNumbers(values + first * 4) { value in
                let scaled = value * factor
                let raised = SIMD8<Float>(repeating: 1).replacing(with: 2, where: scaled .>= 0.5)
                return raised.replacing(with: 0, where: scaled .<= -0.5)
            }
            digits.storeBytes(of: bytes, toByteOffset: first, as: SIMD32<UInt8>.self)
        }
        body(UnsafeRawPointer(digits))
    }
    return Float16(largest)
}
