/// Widening and multiplying rows of quantised blocks.
enum BlockLoops<Block: QuantizedBlock> {
    /// Widens `count` elements, a whole number of blocks.
    static func widen(_ row: UnsafeRawPointer, _ count: Int, _ output: UnsafeMutablePointer<Float>)
    {
        withUnpacked { unpacked in
            var block = row
            var output = UnsafeMutableRawPointer(output)
            for _ in 0..<count / Block.elements {
                unpacked.read(block)
                for eight in 0..<Block.elements / 8 {
                    let group = eight * 8 / Block.groupSize
                    var values = unpacked.floats8(eight) * unpacked.scales[group]
                    if Block.hasMinimum { values += unpacked.minimums[group] }
                    output.storeBytes(of: values, toByteOffset: eight * 32, as: SIMD8<Float>.self)
                }
                output += Block.elements * 4
                block += Block.byteCount
            }
        }
    }

    /// Products of rows and one input, without widening: the sum over groups of scale · Σ q x + minimum · Σ x.
    static func multiply(_ job: RowProduct) {
        withUnpacked { unpacked in
            for row in 0..<job.rows {
                job.output[row] = dot(
                    job.weights + row * job.bytesPerRow, job.columns, UnsafeRawPointer(job.input),
                    job.groupSums, unpacked)
            }
        }
    }

    @inline(__always)
    private static func dot(
        _ row: UnsafeRawPointer, _ columns: Int, _ input: UnsafeRawPointer,
        _ groupSums: UnsafePointer<Float>, _ unpacked: Unpacked
    ) -> Float {
        var block = row
        var input = input
        var sums = groupSums
        var total = SIMD8<Float>.zero
        var offset: Float = 0
        for _ in 0..<columns / Block.elements {
            unpacked.read(block)
            for group in 0..<Block.groups {
                var partial = SIMD8<Float>.zero
                for eight in 0..<Block.groupSize / 8 {
                    partial.addProduct(
                        unpacked.floats8(group * (Block.groupSize / 8) + eight),
                        input.floats8(eight * 32))
                }
                input += Block.groupSize * 4
                total.addProduct(partial, unpacked.scales[group])
                if Block.hasMinimum { offset += unpacked.minimums[group] * sums[group] }
            }
            if Block.hasMinimum { sums += Block.groups }
            block += Block.byteCount
        }
        return total.sum() + offset
    }

    /// A block's scales, minimums and integers, in memory that the next block overwrites.
    private struct Unpacked {
        let scales: UnsafeMutablePointer<Float>
        let integers: UnsafeMutableRawPointer

        @inline(__always) var minimums: UnsafeMutablePointer<Float> { scales + Block.groups }

        @inline(__always) func read(_ block: UnsafeRawPointer) {
            Block.unpackScales(block, into: UnsafeMutableRawPointer(scales))
            Block.unpackIntegers(block, into: integers)
        }

        /// Integers 8 · index to 8 · index + 7.
        @inline(__always) func floats8(_ index: Int) -> SIMD8<Float> {
            floats(integers.loadUnaligned(fromByteOffset: index * 8, as: SIMD8<Int8>.self))
        }
    }

    /// Calls the body with room for an unpacked block, on the stack.
    @inline(__always)
    private static func withUnpacked(_ body: (Unpacked) -> Void) {
        // For the largest block: a constant size lies on the stack.
        withUnsafeTemporaryAllocation(byteCount: 384, alignment: 32) { memory in
            guard let integers = memory.baseAddress else { return }
            let scales = (integers + 256).bindMemory(to: Float.self, capacity: 32)
            body(Unpacked(scales: scales, integers: integers))
        }
    }
}

extension UnsafeRawPointer {
    @inlinable @inline(__always) package func floats8(_ offset: Int) -> SIMD8<Float> {
        loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self)
    }
}
