extension StoredScales {
    /// The scales and the minimums that were found for a block's groups.
    @inline(__always)
    static func pair(
        _ first: RangeSearch.Fit, _ second: RangeSearch.Fit?, highest: Float, isWeighted: Bool
    ) -> (scales: StoredScales, minimums: StoredScales) {
        let scales = SIMD16(lowHalf: first.scales, highHalf: second?.scales ?? .zero)
        let minimums = SIMD16(lowHalf: 0 - first.low, highHalf: 0 - (second?.low ?? .zero))
        guard isWeighted else {
            return (
                StoredScales(positive: scales, highest: highest),
                StoredScales(positive: minimums, highest: highest)
            )
        }
        let weights = SIMD16(lowHalf: first.weights, highHalf: second?.weights ?? .zero)
        let count = second == nil ? 8 : 16
        return (
            StoredScales(positive: scales, weights: weights, count: count, highest: highest),
            StoredScales(positive: minimums, weights: weights, count: count, highest: highest)
        )
    }

    /// Scales from 0 on, as integers up to `highest` that make the weighted error of scale ≈ factor · integer least.
    ///
    /// Tries factors near the one that makes the largest scale the highest integer, then moves single integers while that
    /// makes the error smaller, five rounds at most. Scales from `count` on must be zero.
    init(positive scales: SIMD16<Float>, weights: SIMD16<Float>, count: Int, highest: Float) {
        let largest = max(0, scales.max())
        guard largest >= CentredSearch.smallest else {
            self.init(scale: 0, integers: .zero, fits: Self.areFinite(scales))
            return
        }
        var choice = WeightedChoice(values: scales, weights: weights, count: count)
        choice.choose(choice.bestFactor(largest: largest, highest: highest), highest: highest)
        for _ in 0..<5 {
            guard choice.improve(highest: highest) else { break }
        }
        let scale = choice.square > 0 ? Float16(choice.product / choice.square) : 0
        self.init(
            scale: scale, integers: choice.bytes, fits: scale.isFinite && Self.areFinite(scales))
    }

    /// Scales of either sign, as integers from −limit to limit − 1 that make the weighted error least.
    ///
    /// Tries factors near the one that makes the scale of largest magnitude the lowest integer.
    init(signed scales: SIMD16<Float>, weights: SIMD16<Float>, limit: Float) {
        let extreme = Self.extreme(scales)
        guard abs(extreme) >= CentredSearch.smallest else {
            let lowest = UInt8(truncatingIfNeeded: -Int(limit))
            self.init(
                scale: 0, integers: SIMD16(repeating: lowest), fits: Self.areFinite(scales))
            return
        }
        func sums(_ factors: SIMD8<Float>) -> (product: SIMD8<Float>, square: SIMD8<Float>) {
            var product = SIMD8<Float>.zero
            var square = SIMD8<Float>.zero
            for index in 0..<16 {
                let (value, weight) = (scales[index], weights[index])
                let integers = nearest(factors * value).clamped(to: -limit, limit - 1)
                product += weight * value * integers
                square += weight * integers * integers
            }
            return (product, square)
        }
        var factor = -limit / extreme
        let first = sums(SIMD8(repeating: factor))
        var scale = first.square[0] != 0 ? first.product[0] / first.square[0] : 0
        var gain = scale * first.product[0]
        // The last trial is repeated, which changes nothing, to fill the lanes.
        for trials in [
            SIMD8<Float>(-9, -8, -7, -6, -5, -4, -3, -2), SIMD8(-1, 1, 2, 3, 4, 5, 6, 7),
            SIMD8(8, 9, 9, 9, 9, 9, 9, 9),
        ] {
            let factors = -(limit + 0.1 * trials) / extreme
            let trial = sums(factors)
            for lane in 0..<8 {
                let (product, square) = (trial.product[lane], trial.square[lane])
                guard square > 0, product * product > gain * square else { continue }
                scale = product / square
                gain = scale * product
                factor = factors[lane]
            }
        }
        let half = Float16(scale)
        self.init(
            scale: half, integers: Self.integers(scales, factor, from: -limit, to: limit - 1),
            fits: half.isFinite && Self.areFinite(scales))
    }
}

/// Integers for weighted values from 0 on.
private struct WeightedChoice {
    let values: SIMD16<Float>
    let weights: SIMD16<Float>
    let count: Int
    private var integers = SIMD16<Float>.zero
    /// Σ w x q
    private(set) var product: Float = 0
    /// Σ w q²
    private(set) var square: Float = 0

    init(values: SIMD16<Float>, weights: SIMD16<Float>, count: Int) {
        self.values = values
        self.weights = weights
        self.count = count
    }

    /// The factor of value · factor ≈ integer with the least error, of nine.
    func bestFactor(largest: Float, highest: Float) -> Float {
        let first = highest / largest
        var least = errors(SIMD8(repeating: first)) { SIMD8(repeating: wrapped($0[0])) }[0]
        var best = first
        let factors = (0.1 * SIMD8<Float>(-4, -3, -2, -1, 1, 2, 3, 4) + highest) / largest
        let errors = errors(factors) { $0.replacing(with: highest, where: $0 .> highest) }
        for trial in 0..<8 where errors[trial] < least {
            least = errors[trial]
            best = factors[trial]
        }
        return best
    }

    @inline(__always)
    private func errors(
        _ factors: SIMD8<Float>, limit: (SIMD8<Float>) -> SIMD8<Float>
    ) -> SIMD8<Float> {
        let scales = 1 / factors
        var errors = SIMD8<Float>.zero
        for index in 0..<count {
            let integers = limit(nearest(factors * values[index]))
            let differences = values[index] - scales * integers
            errors += weights[index] * differences * differences
        }
        return errors
    }

    mutating func choose(_ factor: Float, highest: Float) {
        for index in 0..<count {
            let integer = min(highest, (factor * values[index]).rounded(.toNearestOrEven))
            integers[index] = wrapped(integer)
            product += weights[index] * values[index] * integer
            square += weights[index] * integer * integer
        }
    }

    /// Moves single integers where that makes the error smaller; false where none does.
    mutating func improve(highest: Float) -> Bool {
        var hasChanged = false
        for index in 0..<count {
            let (value, weight, integer) = (values[index], weights[index], integers[index])
            var newProduct = product - weight * value * integer
            var newSquare = square - weight * integer * integer
            guard newProduct > 0, newSquare > 0 else { continue }
            let moved = min(highest, (value * newSquare / newProduct).rounded(.toNearestOrEven))
            guard moved != integer else { continue }
            newProduct += weight * value * moved
            newSquare += weight * moved * moved
            guard newProduct * newProduct * square > product * product * newSquare else { continue }
            integers[index] = wrapped(moved)
            product = newProduct
            square = newSquare
            hasChanged = true
        }
        return hasChanged
    }

    var bytes: SIMD16<UInt8> {
        SIMD16(
            lowHalf: Elements.bytes(ofWhole: integers.lowHalf),
            highHalf: Elements.bytes(ofWhole: integers.highHalf))
    }
}

/// What eight bits hold of a whole number: a scale below zero, which least squares give rarely, becomes a large one, as it
/// does in ggml.
private func wrapped(_ integer: Float) -> Float {
    Float(bytes(ofWhole: SIMD8(repeating: integer))[0])
}
