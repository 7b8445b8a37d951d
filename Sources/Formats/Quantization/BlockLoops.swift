/// Widening and multiplying rows of quantised blocks.
enum BlockLoops<Block: QuantizedBlock> {
    /// Widens `count` elements, a whole number of blocks.
    static func widen(_ row: UnsafeRawPointer, _ count: Int, _ output: UnsafeMutablePointer<Float>)
    {
        var block = row
        var output = UnsafeMutableRawPointer(output)
        for _ in 0..<count / Block.elements {
            let scales = Block.scales(block)
            @inline(__always) func widenSixteen(_ index: Int) {
                let (scale, minimum) = Block.scale(scales, group: index * 16 / Block.groupSize)
                let integers = Block.integers(block, sixteen: index)
                var low = SIMD8<Float>(integers.lowHalf) * scale
                var high = SIMD8<Float>(integers.highHalf) * scale
                if Block.hasMinimum {
                    low += minimum
                    high += minimum
                }
                output.storeBytes(of: low, toByteOffset: index * 64, as: SIMD8<Float>.self)
                output.storeBytes(of: high, toByteOffset: index * 64 + 32, as: SIMD8<Float>.self)
            }
            forEachSixteen(widenSixteen)
            output += Block.elements * 4
            block += Block.byteCount
        }
    }

    /// Products of rows and one input, without widening: the sum over groups of scale · Σ q x + minimum · Σ x.
    static func multiply(_ job: RowProduct) {
        for row in 0..<job.rows {
            job.output[row] = dot(
                job.weights + row * job.bytesPerRow, job.columns, UnsafeRawPointer(job.input),
                job.groupSums)
        }
    }

    @inline(__always)
    private static func dot(
        _ row: UnsafeRawPointer, _ columns: Int, _ input: UnsafeRawPointer,
        _ groupSums: UnsafePointer<Float>
    ) -> Float {
        var block = row
        var input = input
        var sums = groupSums
        var total = SIMD8<Float>.zero
        var offset: Float = 0
        for _ in 0..<columns / Block.elements {
            let scales = Block.scales(block)
            var partial = SIMD8<Float>.zero
            @inline(__always) func addSixteen(_ index: Int) {
                let integers = Block.integers(block, sixteen: index)
                partial.addProduct(SIMD8<Float>(integers.lowHalf), input.floats8(index * 64))
                partial.addProduct(SIMD8<Float>(integers.highHalf), input.floats8(index * 64 + 32))
                guard (index + 1) * 16 % Block.groupSize == 0 else { return }
                let group = index * 16 / Block.groupSize
                let (scale, minimum) = Block.scale(scales, group: group)
                total.addProduct(partial, scale)
                partial = .zero
                if Block.hasMinimum { offset += minimum * sums[group] }
            }
            forEachSixteen(addSixteen)
            input += Block.elements * 4
            if Block.hasMinimum { sums += Block.elements / Block.groupSize }
            block += Block.byteCount
        }
        return total.sum() + offset
    }

    /// Calls the body with the indices of a block's sixteens: written out, so that an index is a constant where the body
    /// shifts bits by it.
    @inline(__always) private static func forEachSixteen(_ body: (Int) -> Void) {
        body(0)
        body(1)
        guard Block.elements == 256 else { return }
        body(2)
        body(3)
        body(4)
        body(5)
        body(6)
        body(7)
        body(8)
        body(9)
        body(10)
        body(11)
        body(12)
        body(13)
        body(14)
        body(15)
    }
}

extension UnsafeRawPointer {
    @inline(__always) func floats8(_ offset: Int) -> SIMD8<Float> {
        loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self)
    }
}
