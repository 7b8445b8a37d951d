/// A format of 32 elements with one scale, which is searched for in eight blocks at once.
protocol ScaledBlockEncoding: WeightedRowEncoding {
    /// Chooses scales and minimums for the weighted values of eight blocks, and fixes the integers.
    static func search(
        _ half: BlockLanes.Half
    ) -> (scales: SIMD8<Float>, minimums: SIMD8<Float>)
    static func store(_ block: SimpleBlock, into output: UnsafeMutableRawPointer)
}

extension ScaledBlockEncoding {
    /// Encodes eight blocks at once, whose weights `weigh` makes of the importances.
    @inline(__always)
    static func encodeLanes(
        _ row: UnsafePointer<Float>, count: Int, importance: UnsafePointer<Float>?,
        into output: UnsafeMutableRawPointer, weigh: (BlockLanes) -> Void
    ) -> Int? {
        BlockLanes.with(groupSize: 32) { lanes in
            for first in stride(from: 0, to: count, by: 256) {
                let blocks = min(8, (count - first) / 32)
                lanes.load(
                    row + first, importance: importance.map { $0 + first }, groups: blocks)
                weigh(lanes)
                let (scales, minimums) = search(lanes.half(0))
                let codes = lanes.codes()
                for index in 0..<blocks {
                    let block = SimpleBlock(
                        scale: scales[index], minimum: minimums[index],
                        integers: codes.loadUnaligned(
                            fromByteOffset: index * 32, as: SIMD32<UInt8>.self))
                    store(block, into: output + (first / 32 + index) * byteCount)
                    guard block.fits else { return first / 32 + index }
                }
            }
            return nil
        }
    }
}

/// A format of 32 elements with one scale that is searched for only where importances are known.
protocol EvenBlockEncoding: ScaledBlockEncoding, SimpleBlockEncoding {
    /// How many integers there are.
    static var levels: Int { get }
}

extension EvenBlockEncoding {
    @inline(__always)
    static func encode(_ values: UnsafeRawPointer, into block: UnsafeMutableRawPointer) -> Bool {
        let simple =
            hasMinimum
            ? SimpleBlock(ranged: values, levels: levels)
            : SimpleBlock(centred: values, levels: levels)
        store(simple, into: block)
        return simple.fits
    }

    @inline(__always)
    static func encode(
        _ row: UnsafePointer<Float>, count: Int, importance: UnsafePointer<Float>?,
        into output: UnsafeMutableRawPointer
    ) -> Int? {
        guard let importance else { return encodePlain(row, count: count, into: output) }
        let meanSquare = sumOfSquares(row, count: count) / Float(count)
        guard meanSquare.isFinite else { return largest(row, count: count) / elements }
        return encodeLanes(row, count: count, importance: importance, into: output) {
            $0.spreadWeights(by: SIMD8(repeating: meanSquare))
        }
    }

    @inline(__always)
    static func search(
        _ half: BlockLanes.Half
    ) -> (scales: SIMD8<Float>, minimums: SIMD8<Float>) {
        if hasMinimum {
            let search = RangeSearch.weighted(highest: Float(levels - 1))
            let fit = search.run(half)
            search.choose(fit, half)
            return (fit.scales, fit.low)
        }
        let search = CentredSearch(limit: Float(levels / 2))
        let fit = search.scan(half)
        search.choose(fit, half)
        return (fit.scales, .zero)
    }

    /// The index of the value of largest magnitude.
    private static func largest(_ row: UnsafePointer<Float>, count: Int) -> Int {
        var largest = 0
        for index in 0..<count where abs(row[index]) > abs(row[largest]) { largest = index }
        return largest
    }
}
