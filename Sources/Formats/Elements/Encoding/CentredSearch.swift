/// Searches for the scale of each group that makes the weighted error of value ≈ scale · integer least, integers from
/// −`limit` to `limit` − 1, stored `limit` higher.
struct CentredSearch {
    let limit: Float

    /// Groups whose values are all smaller count as zero.
    static let smallest: Float = 1e-15

    /// What was found, with a lane for each group.
    struct Fit {
        var scales: SIMD8<Float>
        /// The sums of the weights.
        var weights: SIMD8<Float>
        /// The integers are the nearest to factor · value.
        fileprivate var factors: SIMD8<Float>
        fileprivate let isZero: SIMDMask<SIMD8<Int32>>
    }

    /// Tries scales near the one that makes the value of largest magnitude the lowest integer.
    @inline(__always)
    func scan(_ half: BlockLanes.Half) -> Fit {
        let (extremes, isZero) = half.extremes()
        var fit = Fit(
            scales: .zero, weights: .zero, factors: -limit / extremes, isZero: isZero)
        for element in 0..<half.count { fit.weights += half.weights[element] }
        var sums = sums(fit.factors, half)
        fit.scales.replace(with: sums.product / sums.square, where: sums.square .!= 0)
        var gain = fit.scales * sums.product
        for trial in -9...9 where trial != 0 {
            let factors = -(limit + 0.1 * Float(trial)) / extremes
            sums = self.sums(factors, half)
            let isBetter =
                (sums.square .> 0) .& (sums.product * sums.product .> gain * sums.square)
            fit.scales.replace(with: sums.product / sums.square, where: isBetter)
            gain.replace(with: fit.scales * sums.product, where: isBetter)
            fit.factors.replace(with: factors, where: isBetter)
        }
        fit.scales.replace(with: 0, where: isZero)
        return fit
    }

    /// Fixes the integers that were found best: 0 and up, and the lowest in groups that count as zero.
    @inline(__always)
    func choose(_ fit: Fit, _ half: BlockLanes.Half) {
        for element in 0..<half.count {
            let integers = integers(fit.factors, half.values[element]) + limit
            half.integers[element] = integers.replacing(with: 0, where: fit.isZero)
        }
    }

    /// Weighted by the values' squares: starts from the scale that makes the value of largest magnitude the lowest integer,
    /// then moves single integers while that makes the error smaller, five rounds at most. Fixes the integers.
    @inline(__always)
    func refine(_ half: BlockLanes.Half) -> SIMD8<Float> {
        let (extremes, isZero) = half.extremes()
        half.weighBySquares()
        let factors = -limit / extremes
        var sums = sums(factors, half)
        for element in 0..<half.count {
            half.integers[element] = integers(factors, half.values[element])
        }
        for _ in 0..<5 {
            var hasChanged = false
            for element in 0..<half.count {
                let (value, weight) = (half.values[element], half.weights[element])
                let integer = half.integers[element]
                var product = sums.product - weight * value * integer
                var square = sums.square - weight * integer * integer
                let moved = floats(wholeNumbers(value * square / product))
                    .clamped(to: -limit, limit - 1)
                var isBetter = (product .> 0) .& (moved .!= integer)
                product += weight * value * moved
                square += weight * moved * moved
                isBetter =
                    isBetter .& (square .> 0)
                    .& (product * product * sums.square .> sums.product * sums.product * square)
                guard isAny(isBetter) else { continue }
                half.integers[element].replace(with: moved, where: isBetter)
                sums.product.replace(with: product, where: isBetter)
                sums.square.replace(with: square, where: isBetter)
                hasChanged = true
            }
            guard hasChanged else { break }
        }
        var scales = SIMD8<Float>.zero
        scales.replace(with: sums.product / sums.square, where: sums.square .> 0)
        for element in 0..<half.count {
            half.integers[element] = (half.integers[element] + limit).replacing(
                with: 0, where: isZero)
        }
        return scales.replacing(with: 0, where: isZero)
    }

    @inline(__always)
    private func integers(_ factors: SIMD8<Float>, _ values: SIMD8<Float>) -> SIMD8<Float> {
        nearest(factors * values).clamped(to: -limit, limit - 1)
    }

    /// Σ w x q and Σ w q² of the integers that factors give.
    @inline(__always)
    private func sums(
        _ factors: SIMD8<Float>, _ half: BlockLanes.Half
    ) -> (product: SIMD8<Float>, square: SIMD8<Float>) {
        var product = SIMD8<Float>.zero
        var square = SIMD8<Float>.zero
        for element in 0..<half.count {
            let (value, weight) = (half.values[element], half.weights[element])
            let integer = integers(factors, value)
            product += weight * value * integer
            square += weight * integer * integer
        }
        return (product, square)
    }
}
