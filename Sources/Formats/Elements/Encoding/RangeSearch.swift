/// Searches for the scale and the lowest value of each group that make the weighted error of value ≈ scale · integer + low
/// least, integers from 0 to `highest`.
///
/// The range of the values gives the first guess. Then some steps near it are tried: each fixes the integers, the
/// weighted least squares of which give scale and lowest value; the best is kept.
struct RangeSearch {
    let highest: Float
    /// How many steps more than `highest` the range is divided into in the first trial.
    let start: Float
    /// How many steps more in each further trial.
    let step: Float
    let trials: Int
    /// Whether errors count by magnitude instead of by square.
    var isAbsolute = false

    /// As wide as importances are worth.
    static func weighted(highest: Float) -> RangeSearch {
        RangeSearch(highest: highest, start: -0.9, step: 0.05, trials: 36)
    }

    /// What was found, with a lane for each group.
    struct Fit {
        var scales: SIMD8<Float>
        /// What the integer 0 stands for: zero or less.
        var low: SIMD8<Float>
        /// The sums of the weights.
        let weights: SIMD8<Float>
        /// The integers are the nearest to factor · (value − base).
        fileprivate var factors: SIMD8<Float>
        fileprivate var base: SIMD8<Float>
    }

    @inline(__always)
    func run(_ half: BlockLanes.Half) -> Fit {
        let (values, weights) = (half.values, half.weights)
        var low = values[0]
        var high = low
        var sumWeight = weights[0]
        var sumValue = weights[0] * values[0]
        for element in 1..<half.count {
            let value = values[element]
            low.replace(with: value, where: value .< low)
            high.replace(with: value, where: value .> high)
            sumWeight += weights[element]
            sumValue += weights[element] * value
        }
        low.replace(with: 0, where: low .> 0)
        let isFlat = high .== low

        let factors = highest / (high - low)
        var fit = Fit(
            scales: 1 / factors, low: low, weights: sumWeight, factors: factors, base: low)
        _ = choose(factors, from: low, half)
        var error = weightedError(half, fit.scales, low)
        for trial in 0...trials {
            // From the best lowest value so far, as the reference does.
            let factors = ((start + step * Float(trial)) + highest) / (high - fit.low)
            let sums = choose(factors, from: fit.low, half)
            let determinant = sumWeight * sums.square - sums.integer * sums.integer
            var scales = (sumWeight * sums.product - sumValue * sums.integer) / determinant
            var trialLow = (sums.square * sumValue - sums.integer * sums.product) / determinant
            let isAbove = trialLow .> 0
            trialLow.replace(with: 0, where: isAbove)
            scales.replace(with: sums.product / sums.square, where: isAbove)
            let trialError = weightedError(half, scales, trialLow)
            let isBetter = (determinant .> 0) .& (trialError .< error)
            error.replace(with: trialError, where: isBetter)
            fit.scales.replace(with: scales, where: isBetter)
            fit.factors.replace(with: factors, where: isBetter)
            fit.base.replace(with: fit.low, where: isBetter)
            fit.low.replace(with: trialLow, where: isBetter)
        }
        fit.scales.replace(with: 0, where: isFlat)
        fit.factors.replace(with: 0, where: isFlat)
        return fit
    }

    /// Fixes the integers that were found best.
    @inline(__always)
    func choose(_ fit: Fit, _ half: BlockLanes.Half) {
        _ = choose(fit.factors, from: fit.base, half)
    }

    /// Fixes the integers q; returns Σ w q, Σ w q² and Σ w q x.
    @inline(__always)
    private func choose(
        _ factors: SIMD8<Float>, from low: SIMD8<Float>, _ half: BlockLanes.Half
    ) -> (integer: SIMD8<Float>, square: SIMD8<Float>, product: SIMD8<Float>) {
        var integer = SIMD8<Float>.zero
        var square = SIMD8<Float>.zero
        var product = SIMD8<Float>.zero
        for element in 0..<half.count {
            let value = half.values[element]
            // Next to a lowest value that moved up to the highest, numbers wrap as in the reference.
            let chosen = floats(wholeNumbers(factors * (value - low))).clamped(to: 0, highest)
            half.integers[element] = chosen
            let weighted = half.weights[element] * chosen
            integer += weighted
            square += weighted * chosen
            product += weighted * value
        }
        return (integer, square, product)
    }

    @inline(__always)
    private func weightedError(
        _ half: BlockLanes.Half, _ scales: SIMD8<Float>, _ low: SIMD8<Float>
    ) -> SIMD8<Float> {
        var error = SIMD8<Float>.zero
        for element in 0..<half.count {
            let difference = scales * half.integers[element] + low - half.values[element]
            let size = isAbsolute ? magnitudes(difference) : difference * difference
            error += half.weights[element] * size
        }
        return error
    }
}
