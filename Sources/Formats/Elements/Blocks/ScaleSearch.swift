/// Searches for the scale and the minimum of each group that make the weighted error of value ≈ scale · integer − minimum
/// least, integers from 0 to `highest`.
///
/// The range of the values gives the first guess. Then some steps near it are tried: each fixes the integers, the
/// weighted least squares of which give scale and minimum; the best is kept.
struct RangeSearch {
    let highest: Float
    /// How many steps more than `highest` the range is divided into in the first trial.
    let start: Float
    let trials: Int
    /// Whether errors count by magnitude instead of by square.
    let isAbsolute: Bool

    /// The scales and minimums of a half's groups; `best` holds the integers.
    @inline(__always)
    func run(_ half: BlockLanes.Half) -> (scales: SIMD8<Float>, minimums: SIMD8<Float>) {
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
        var scales = 1 / factors
        choose(factors, from: low, half, into: half.best)
        var error = weightedError(half, half.best, scales, low)
        for trial in 0...trials {
            // From the best minimum so far, as the reference does.
            let factors = ((start + 0.1 * Float(trial)) + highest) / (high - low)
            choose(factors, from: low, half, into: half.trial)
            var sumInteger = SIMD8<Float>.zero
            var sumSquare = SIMD8<Float>.zero
            var sumProduct = SIMD8<Float>.zero
            for element in 0..<half.count {
                let weighted = weights[element] * half.trial[element]
                sumInteger += weighted
                sumSquare += weighted * half.trial[element]
                sumProduct += weighted * values[element]
            }
            let determinant = sumWeight * sumSquare - sumInteger * sumInteger
            var trialScales = (sumWeight * sumProduct - sumValue * sumInteger) / determinant
            var trialLow = (sumSquare * sumValue - sumInteger * sumProduct) / determinant
            let isAbove = trialLow .> 0
            trialLow.replace(with: 0, where: isAbove)
            trialScales.replace(with: sumProduct / sumSquare, where: isAbove)
            let trialError = weightedError(half, half.trial, trialScales, trialLow)
            let isBetter = (determinant .> 0) .& (trialError .< error)
            guard any(isBetter) else { continue }
            half.keepTrial(where: isBetter)
            error.replace(with: trialError, where: isBetter)
            scales.replace(with: trialScales, where: isBetter)
            low.replace(with: trialLow, where: isBetter)
        }
        for element in 0..<half.count { half.best[element].replace(with: 0, where: isFlat) }
        scales.replace(with: 0, where: isFlat)
        return (scales, -low)
    }

    @inline(__always)
    private func choose(
        _ factors: SIMD8<Float>, from low: SIMD8<Float>, _ half: BlockLanes.Half,
        into integers: UnsafeMutablePointer<SIMD8<Float>>
    ) {
        for element in 0..<half.count {
            integers[element] = nearest(factors * (half.values[element] - low))
                .clamped(to: 0, highest)
        }
    }

    @inline(__always)
    private func weightedError(
        _ half: BlockLanes.Half, _ integers: UnsafeMutablePointer<SIMD8<Float>>,
        _ scales: SIMD8<Float>, _ low: SIMD8<Float>
    ) -> SIMD8<Float> {
        var error = SIMD8<Float>.zero
        for element in 0..<half.count {
            let difference = scales * integers[element] + low - half.values[element]
            let size = isAbsolute ? magnitudes(difference) : difference * difference
            error += half.weights[element] * size
        }
        return error
    }
}

/// Searches for the scale of each group that makes the error of value ≈ scale · integer least, weighted by the values'
/// squares; integers from −`limit` to `limit` − 1, stored `limit` higher.
struct CentredSearch {
    let limit: Float

    /// Groups whose values are all smaller count as zero.
    static let smallest: Float = 1e-15

    /// Tries scales near the one that makes the value of largest magnitude the lowest integer; the integers of the best
    /// are kept.
    @inline(__always)
    func scan(_ half: BlockLanes.Half) -> SIMD8<Float> {
        let (extremes, isZero) = extremes(half)
        var sums = choose(-limit / extremes, half, into: half.best)
        var scales = SIMD8<Float>.zero
        scales.replace(with: sums.product / sums.square, where: sums.square .!= 0)
        var gain = scales * sums.product
        for trial in -9...9 where trial != 0 {
            let factors = -(limit + 0.1 * Float(trial)) / extremes
            sums = choose(factors, half, into: half.trial)
            let isBetter =
                (sums.square .> 0) .& (sums.product * sums.product .> gain * sums.square)
            guard any(isBetter) else { continue }
            half.keepTrial(where: isBetter)
            scales.replace(with: sums.product / sums.square, where: isBetter)
            gain.replace(with: scales * sums.product, where: isBetter)
        }
        return finish(half, scales, isZero)
    }

    /// Starts from the scale that makes the value of largest magnitude the lowest integer, then moves single integers
    /// while that makes the error smaller, five rounds at most.
    @inline(__always)
    func refine(_ half: BlockLanes.Half) -> SIMD8<Float> {
        let (extremes, isZero) = extremes(half)
        var sums = choose(-limit / extremes, half, into: half.best)
        for _ in 0..<5 {
            var hasChanged = false
            for element in 0..<half.count {
                let value = half.values[element]
                let weight = value * value
                let integer = half.best[element]
                var product = sums.product - weight * value * integer
                var square = sums.square - weight * integer * integer
                let moved = nearest(value * square / product).clamped(to: -limit, limit - 1)
                var isBetter = (product .> 0) .& (moved .!= integer)
                product += weight * value * moved
                square += weight * moved * moved
                isBetter =
                    isBetter .& (square .> 0)
                    .& (product * product * sums.square .> sums.product * sums.product * square)
                guard any(isBetter) else { continue }
                half.best[element].replace(with: moved, where: isBetter)
                sums.product.replace(with: product, where: isBetter)
                sums.square.replace(with: square, where: isBetter)
                hasChanged = true
            }
            guard hasChanged else { break }
        }
        var scales = SIMD8<Float>.zero
        scales.replace(with: sums.product / sums.square, where: sums.square .> 0)
        return finish(half, scales, isZero)
    }

    /// The first value of largest magnitude in each group, and which groups count as zero.
    @inline(__always)
    private func extremes(
        _ half: BlockLanes.Half
    ) -> (values: SIMD8<Float>, isZero: SIMDMask<SIMD8<Int32>>) {
        var extremes = SIMD8<Float>.zero
        for element in 0..<half.count {
            let value = half.values[element]
            extremes.replace(with: value, where: magnitudes(value) .> magnitudes(extremes))
        }
        return (extremes, magnitudes(extremes) .< Self.smallest)
    }

    /// Fixes the integers; returns Σ w x q and Σ w q².
    @inline(__always)
    private func choose(
        _ factors: SIMD8<Float>, _ half: BlockLanes.Half,
        into integers: UnsafeMutablePointer<SIMD8<Float>>
    ) -> (product: SIMD8<Float>, square: SIMD8<Float>) {
        var product = SIMD8<Float>.zero
        var square = SIMD8<Float>.zero
        for element in 0..<half.count {
            let value = half.values[element]
            let integer = nearest(factors * value).clamped(to: -limit, limit - 1)
            integers[element] = integer
            let weight = value * value
            product += weight * value * integer
            square += weight * integer * integer
        }
        return (product, square)
    }

    /// Raises the integers to start from zero; groups that count as zero get the lowest integer and no scale.
    @inline(__always)
    private func finish(
        _ half: BlockLanes.Half, _ scales: SIMD8<Float>, _ isZero: SIMDMask<SIMD8<Int32>>
    ) -> SIMD8<Float> {
        for element in 0..<half.count {
            half.best[element] = (half.best[element] + limit).replacing(with: 0, where: isZero)
        }
        return scales.replacing(with: 0, where: isZero)
    }
}

extension BlockLanes.Half {
    /// Keeps the integers that are tried in some groups.
    @inline(__always)
    fileprivate func keepTrial(where isBetter: SIMDMask<SIMD8<Int32>>) {
        for element in 0..<count { best[element].replace(with: trial[element], where: isBetter) }
    }
}

/// Each lane without its sign.
@inline(__always) func magnitudes(_ x: SIMD8<Float>) -> SIMD8<Float> {
    let bits = unsafeBitCast(x, to: SIMD8<UInt32>.self) & 0x7FFF_FFFF
    return unsafeBitCast(bits, to: SIMD8<Float>.self)
}
