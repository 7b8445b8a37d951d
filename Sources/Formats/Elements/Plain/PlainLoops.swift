/// Widening and multiplying rows of elements that stand alone.
enum PlainLoops<Element: PlainElement> {
    /// Widens `count` elements.
    static func widen(_ row: UnsafeRawPointer, _ count: Int, _ output: UnsafeMutablePointer<Float>)
    {
        let bytes = UnsafeMutableRawPointer(output)
        let whole = count & ~7
        for index in stride(from: 0, to: whole, by: 8) {
            bytes.storeBytes(
                of: Element.numbers8(row + index * Element.byteCount), toByteOffset: index * 4,
                as: SIMD8<Float>.self)
        }
        for index in whole..<count {
            output[index] = Element.number(row + index * Element.byteCount)
        }
    }

    /// Products of rows and one input.
    static func multiply(_ job: RowProduct) {
        for row in 0..<job.rows {
            job.output[row] = dot(job.weights + row * job.bytesPerRow, job.columns, job.input)
        }
    }

    @inline(__always)
    private static func dot(
        _ row: UnsafeRawPointer, _ columns: Int, _ input: UnsafePointer<Float>
    ) -> Float {
        let bytes = UnsafeRawPointer(input)
        let width = Element.byteCount
        var sums = (SIMD8<Float>.zero, SIMD8<Float>.zero, SIMD8<Float>.zero, SIMD8<Float>.zero)
        var index = 0
        while index + 32 <= columns {
            sums.0.addProduct(Element.numbers8(row + index * width), bytes.floats8(index * 4))
            sums.1.addProduct(
                Element.numbers8(row + (index + 8) * width), bytes.floats8(index * 4 + 32))
            sums.2.addProduct(
                Element.numbers8(row + (index + 16) * width), bytes.floats8(index * 4 + 64))
            sums.3.addProduct(
                Element.numbers8(row + (index + 24) * width), bytes.floats8(index * 4 + 96))
            index += 32
        }
        while index + 8 <= columns {
            sums.0.addProduct(Element.numbers8(row + index * width), bytes.floats8(index * 4))
            index += 8
        }
        var tail: Float = 0
        while index < columns {
            tail += Element.number(row + index * width) * input[index]
            index += 1
        }
        return ((sums.0 + sums.1) + (sums.2 + sums.3)).sum() + tail
    }
}
