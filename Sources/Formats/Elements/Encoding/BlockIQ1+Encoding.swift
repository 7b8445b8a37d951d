extension BlockIQ1S: TernaryEncoding {
    static var combinations: Int { 2 }
    static var leastValue: Float { 1e-12 }

    @inline(__always)
    static func levels(_ combination: Int, vector: Int) -> TernaryLevels {
        combination == 0 ? .raised : .lowered
    }

    @inline(__always)
    static func fill(
        _ output: UnsafeMutablePointer<SplitSums>, _ group: SortedGroup, first: Int, second: Int
    ) {
        let (products, weights) = group.sums(part: 0)
        let parts = Self.parts(products, first, second)
        let weighed = Self.parts(weights, first, second)
        for combination in 0..<2 {
            let levels = levels(combination, vector: 0)
            let low = weighed.low * levels.low * levels.low
            let middle = weighed.middle * levels.middle * levels.middle
            let high = weighed.high * levels.high * levels.high
            output[combination] = SplitSums(
                qx: parts.low * levels.low + parts.middle * levels.middle
                    + parts.high * levels.high,
                qq: low + middle + high)
        }
    }

    /// What the sums grow by up to the first bound, from there to the second, and from there on.
    @inline(__always)
    private static func parts(
        _ sums: UnsafeMutablePointer<Float>, _ first: Int, _ second: Int
    ) -> (low: Float, middle: SIMD8<Float>, high: SIMD8<Float>) {
        let bounds = UnsafeRawPointer(sums).floats8(second * 4)
        return (sums[first] - sums[0], bounds - sums[first], sums[groupSize] - bounds)
    }

    @inline(__always)
    static func store(
        _ places: UnsafePointer<UInt16>, group: Int, in block: UnsafeMutableRawPointer
    ) {
        var high: UInt16 = 0
        for vector in 0..<4 {
            block.storeBytes(
                of: UInt8(truncatingIfNeeded: places[vector]),
                toByteOffset: 2 + group * 4 + vector, as: UInt8.self)
            high |= (places[vector] >> 8) << UInt16(3 * vector)
        }
        block.storeBytes(of: high, toByteOffset: 34 + group * 2, as: UInt16.self)
    }

    @inline(__always)
    static func finish(
        _ block: UnsafeMutableRawPointer, _ search: TernaryBlock, _ values: UnsafePointer<Float>,
        scale: Float
    ) -> Bool {
        let half = Float16(scale * 1.125)
        block.storeBytes(of: half, as: Float16.self)
        for group in 0..<8 {
            let own = UInt16(search.integers[group] | search.combinations[group] << 3) << 12
            let places = block.loadUnaligned(fromByteOffset: 34 + group * 2, as: UInt16.self)
            block.storeBytes(of: places | own, toByteOffset: 34 + group * 2, as: UInt16.self)
        }
        return half.isFinite
    }
}

extension BlockIQ1M: TernaryEncoding {
    static var combinations: Int { 4 }
    static var leastValue: Float { 1e-7 }

    /// Both halves shifted up, the first, the second, none.
    @inline(__always)
    static func levels(_ combination: Int, vector: Int) -> TernaryLevels {
        combination >> (1 - vector) & 1 == 0 ? .raised : .lowered
    }

    /// Sums of one half for one shift.
    ///
    /// Since −1, 0 and 1 are equally far apart, Σ w q x is what it would be if all were 1, less Σ w x of those below the
    /// bounds.
    @inline(__always)
    private static func half(
        _ group: SortedGroup, _ half: Int, _ levels: TernaryLevels, _ first: Int, _ second: Int
    ) -> SplitSums {
        let (products, weights) = group.sums(part: half)
        let product = UnsafeRawPointer(products).floats8(second * 4)
        let weight = UnsafeRawPointer(weights).floats8(second * 4)
        let high = levels.high
        let lowStep = levels.low * levels.low - levels.middle * levels.middle
        let highStep = levels.middle * levels.middle - high * high
        return SplitSums(
            qx: products[groupSize] * high - (products[first] + product),
            qq: weights[groupSize] * high * high + weights[first] * lowStep + weight * highStep)
    }

    @inline(__always)
    static func fill(
        _ output: UnsafeMutablePointer<SplitSums>, _ group: SortedGroup, first: Int, second: Int
    ) {
        let raised = (
            half(group, 0, .raised, first, second), half(group, 1, .raised, first, second)
        )
        let lowered = (
            half(group, 0, .lowered, first, second), half(group, 1, .lowered, first, second)
        )
        output[0] = raised.0 + raised.1
        output[1] = raised.0 + lowered.1
        output[2] = lowered.0 + raised.1
        output[3] = lowered.0 + lowered.1
    }

    @inline(__always)
    static func store(
        _ places: UnsafePointer<UInt16>, group: Int, in block: UnsafeMutableRawPointer
    ) {
        block.storeBytes(
            of: UInt8(truncatingIfNeeded: places[0]), toByteOffset: group * 2, as: UInt8.self)
        block.storeBytes(
            of: UInt8(truncatingIfNeeded: places[1]), toByteOffset: group * 2 + 1, as: UInt8.self)
        block.storeBytes(
            of: UInt8(places[0] >> 8 | (places[1] >> 8) << 4), toByteOffset: 32 + group,
            as: UInt8.self)
    }

    /// Once the groups' multiples are whole, the block's scale is chosen anew.
    @inline(__always)
    static func finish(
        _ block: UnsafeMutableRawPointer, _ search: TernaryBlock, _ values: UnsafePointer<Float>,
        scale: Float
    ) -> Bool {
        let half = Float16(bestScale(search, values, instead: scale) * 1.1125)
        let pattern = UInt64(half.bitPattern)
        var words =
            (pattern & 15) << 12 | (pattern & 0xF0) << 24 | (pattern & 0xF00) << 36
            | (pattern & 0xF000) << 48
        for group in 0..<16 {
            words |= UInt64(search.integers[group]) << UInt64(16 * (group / 4) + 3 * (group % 4))
            let combination = search.combinations[group]
            let places = block.load(fromByteOffset: 32 + group, as: UInt8.self)
            block.storeBytes(
                of: places | (combination >> 1) << 3 | combination << 7, toByteOffset: 32 + group,
                as: UInt8.self)
        }
        block.storeBytes(of: words, toByteOffset: 48, as: UInt64.self)
        return half.isFinite
    }

    private static func bestScale(
        _ search: TernaryBlock, _ values: UnsafePointer<Float>, instead scale: Float
    ) -> Float {
        var (sumQX, sumQQ): (Float, Float) = (0, 0)
        for vector in 0..<32 {
            let group = vector / 2
            let levels = levels(Int(search.combinations[group]), vector: vector % 2)
            let factor = Float(2 * Int(search.integers[group]) + 1)
            for element in 0..<8 {
                let index = vector * 8 + element
                let weight = search.weights[index]
                let level = search.vectors.level(
                    Int(search.places[vector]), element: element, levels)
                let integer = level * factor
                sumQX += weight * integer * values[index]
                sumQQ += weight * integer * integer
            }
        }
        return sumQQ > 0 ? sumQX / sumQQ : scale
    }
}
