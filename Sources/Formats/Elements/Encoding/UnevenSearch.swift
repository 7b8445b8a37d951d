/// Searches for the scale of each group that makes the weighted error of value ≈ scale · level least, levels being those of
/// IQ4_NL.
enum UnevenSearch {
    /// The lowest level, which the value of largest magnitude becomes in the first trial.
    private static let lowest: Float = -127

    /// Tries scales near the one that makes the value of largest magnitude the lowest level, or its opposite.
    @inline(__always)
    static func scan(_ half: BlockLanes.Half) -> SIMD8<Float> {
        let (extremes, isZero) = half.extremes()
        var sums = sums(1 / (-extremes / lowest), half)
        var scales = SIMD8<Float>.zero
        scales.replace(with: sums.product / sums.square, where: sums.square .> 0)
        var gain = scales * sums.product
        for trial in -7...7 {
            sums = self.sums((Float(trial) + lowest) / extremes, half)
            let isBetter =
                (sums.square .> 0) .& (sums.product * sums.product .> gain * sums.square)
            scales.replace(with: sums.product / sums.square, where: isBetter)
            gain.replace(with: scales * sums.product, where: isBetter)
        }
        return scales.replacing(with: 0, where: isZero)
    }

    /// Fixes the places in the list of levels: those of the levels nearest to factor · value.
    @inline(__always)
    static func choose(_ factors: SIMD8<Float>, _ half: BlockLanes.Half) {
        for element in 0..<half.count {
            half.integers[element] = pick(factors * half.values[element], places, from: 0)
        }
    }

    /// Σ w q x and Σ w q² of the levels that factors give.
    @inline(__always)
    private static func sums(
        _ factors: SIMD8<Float>, _ half: BlockLanes.Half
    ) -> (product: SIMD8<Float>, square: SIMD8<Float>) {
        var product = SIMD8<Float>.zero
        var square = SIMD8<Float>.zero
        for element in 0..<half.count {
            let value = half.values[element]
            let level = pick(factors * value, levels, from: lowest)
            let weighted = half.weights[element] * level
            product += weighted * value
            square += weighted * level
        }
        return (product, square)
    }

    /// The last outcome whose bound, the middle between two levels, is reached.
    @inline(__always)
    private static func pick(
        _ numbers: SIMD8<Float>, _ outcomes: SIMD16<Float>, from first: Float
    ) -> SIMD8<Float> {
        var picked = SIMD8<Float>(repeating: first)
        for index in 0..<15 {
            picked.replace(with: outcomes[index], where: numbers .>= bounds[index])
        }
        return picked
    }

    // Each has a sixteenth lane that nothing reads.
    @inline(__always)
    private static var bounds: SIMD16<Float> {
        SIMD16(
            -115.5, -93.5, -74, -57, -42, -28.5, -16, -4.5, 7, 19, 31.5, 45.5, 61, 79, 101, 0)
    }

    @inline(__always)
    private static var levels: SIMD16<Float> {
        SIMD16(-104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113, 0)
    }

    @inline(__always)
    private static var places: SIMD16<Float> {
        SIMD16(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0)
    }
}
