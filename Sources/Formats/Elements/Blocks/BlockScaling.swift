/// Multiplies quantised blocks by a number without touching their codes: the half-precision scales and minimums alone are
/// multiplied and rounded to the nearest, ties to even.
///
/// A product is off by 2⁻¹¹ of itself at most, or by half of f16's least step, 2⁻²⁵, where it is below 2⁻¹⁴: it may become 0.
package struct BlockScaling: Sendable {
    private let type: ElementType
    /// Where the numbers lie in a block, in bytes.
    private let offsets: [Int]

    /// - Returns: nil for a type that rtedit cannot write, or whose scales are no f16.
    package init?(_ type: ElementType) {
        let halves = type.deltaFields.filter { $0.kind == .float && $0.width == 2 }
        guard type.isQuantized, RowEncoder.isSupported(type), !halves.isEmpty,
            halves.allSatisfy({ $0.count == 1 })
        else { return nil }
        self.type = type
        offsets = halves.map(\.offset)
    }

    /// Multiplies whole blocks.
    ///
    /// - Throws: `QuantizationError.tooLarge` where a scale would be beyond f16, `.sizeMismatch` for what are no blocks.
    package func multiply(
        _ bytes: UnsafeMutableRawBufferPointer, by factor: Float
    ) throws(QuantizationError) {
        let size = type.bitsPerBlock / 8
        guard bytes.count % size == 0 else {
            throw .sizeMismatch(
                type: type, elements: bytes.count / size * type.elementsPerBlock,
                bytes: bytes.count)
        }
        for block in 0..<bytes.count / size {
            for offset in offsets {
                let place = block * size + offset
                let bits = UInt16(
                    littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt16.self))
                let scale = Float(Float16(bitPattern: bits))
                let product = Float16(scale * factor)
                guard product.isFinite || !scale.isFinite else {
                    throw .tooLarge(type: type, index: block * type.elementsPerBlock)
                }
                bytes.storeBytes(
                    of: product.bitPattern.littleEndian, toByteOffset: place, as: UInt16.self)
            }
        }
    }

    /// A row of blocks, multiplied and widened.
    ///
    /// - Returns: nil where a scale would be beyond f16, or the bytes are no row of so many elements.
    package func values(
        of bytes: UnsafeRawBufferPointer, count: Int, times factor: Float
    ) -> [Float]? {
        guard type.byteCount(elements: count) == bytes.count else { return nil }
        var copy = [UInt8](bytes)
        var values = [Float](repeating: 0, count: count)
        let isDone = copy.withUnsafeMutableBytes { copy in
            values.withUnsafeMutableBufferPointer { values in
                (try? multiply(copy, by: factor)) != nil
                    && (try? Dequantizer.widen(
                        UnsafeRawBufferPointer(copy), type: type, into: values)) != nil
            }
        }
        return isDone ? values : nil
    }
}
