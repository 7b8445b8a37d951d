/// Widening and multiplying rows of quantised blocks.
enum BlockLoops<Block: QuantizedBlock> {
    /// Widens `count` elements, a whole number of blocks.
    static func widen(_ row: UnsafeRawPointer, _ count: Int, _ output: UnsafeMutablePointer<Float>)
    {
        var block = row
        var output = UnsafeMutableRawPointer(output)
        for _ in 0..<count / Block.elements {
            let scales = Block.scales(block)
            for group in 0..<Block.elements / Block.groupSize {
                let (scale, minimum) = Block.scale(scales, group: group)
                for part in 0..<Block.groupSize / 16 {
                    let integers = Block.integers(
                        block, sixteen: group * (Block.groupSize / 16) + part)
                    var low = SIMD8<Float>(integers.lowHalf) * scale
                    var high = SIMD8<Float>(integers.highHalf) * scale
                    if Block.hasMinimum {
                        low += minimum
                        high += minimum
                    }
                    output.storeBytes(of: low, as: SIMD8<Float>.self)
                    output.storeBytes(of: high, toByteOffset: 32, as: SIMD8<Float>.self)
                    output += 64
                }
            }
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
            for group in 0..<Block.elements / Block.groupSize {
                let (scale, minimum) = Block.scale(scales, group: group)
                var partial = SIMD8<Float>.zero
                for part in 0..<Block.groupSize / 16 {
                    let integers = Block.integers(
                        block, sixteen: group * (Block.groupSize / 16) + part)
                    partial.addProduct(SIMD8<Float>(integers.lowHalf), input.floats8(0))
                    partial.addProduct(SIMD8<Float>(integers.highHalf), input.floats8(32))
                    input += 64
                }
                total.addProduct(partial, scale)
                if Block.hasMinimum { offset += minimum * sums[group] }
            }
            if Block.hasMinimum { sums += Block.elements / Block.groupSize }
            block += Block.byteCount
        }
        return total.sum() + offset
    }
}

extension UnsafeRawPointer {
    @inline(__always) func floats8(_ offset: Int) -> SIMD8<Float> {
        loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self)
    }
}
