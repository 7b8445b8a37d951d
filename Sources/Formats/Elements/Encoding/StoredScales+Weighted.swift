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
    /// Scales from `count` on must be zero.
    init(positive scales: SIMD16<Float>, weights: SIMD16<Float>, count: Int, highest: Float) {
        let largest = max(0, scales.lowHalf.highest, scales.highHalf.highest)
        guard largest >= CentredSearch.smallest else {
            self.init(scale: 0, integers: .zero, fits: Self.areFinite(scales))
            return
        }
        let search = PositiveScale(highest: Int32(highest))
        var integers = SIMD16<UInt8>.zero
        let best = withUnsafeBytes(of: scales) { scales in
            withUnsafeBytes(of: weights) { weights in
                withUnsafeMutableBytes(of: &integers) { integers -> Float in
                    guard let values = scales.bindMemory(to: Float.self).baseAddress,
                        let weights = weights.bindMemory(to: Float.self).baseAddress,
                        let bytes = integers.bindMemory(to: UInt8.self).baseAddress
                    else { return 0 }
                    return search.best(
                        values, weights, count: count, largest: largest, into: bytes)
                }
            }
        }
        let scale = Float16(best)
        self.init(
            scale: scale, integers: integers, fits: scale.isFinite && Self.areFinite(scales))
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
        let (scale, factor) = SignedTrials(values: scales, weights: weights, limit: limit)
            .best(extreme: extreme)
        let half = Float16(scale)
        self.init(
            scale: half, integers: Self.integers(scales, factor, from: -limit, to: limit - 1),
            fits: half.isFinite && Self.areFinite(scales))
    }
}

/// Eight factors at a time of weighted values ≈ scale · integer, integers from −limit to limit − 1.
private struct SignedTrials {
    let values: SIMD16<Float>
    let weights: SIMD16<Float>
    let limit: Float

    /// The scale with the least error, and the factor that gives its integers.
    func best(extreme: Float) -> (scale: Float, factor: Float) {
        var factor = -limit / extreme
        let first = sums(SIMD8(repeating: factor))
        var scale = first.square[0] != 0 ? first.product[0] / first.square[0] : 0
        var gain = scale * first.product[0]
        func look(_ trials: SIMD8<Float>) {
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
        look(SIMD8(-9, -8, -7, -6, -5, -4, -3, -2))
        look(SIMD8(-1, 1, 2, 3, 4, 5, 6, 7))
        // The last trial is repeated, which changes nothing, to fill the lanes.
        look(SIMD8(8, 9, 9, 9, 9, 9, 9, 9))
        return (scale, factor)
    }

    /// Σ w x q and Σ w q².
    private func sums(
        _ factors: SIMD8<Float>
    ) -> (product: SIMD8<Float>, square: SIMD8<Float>) {
        var product = SIMD8<Float>.zero
        var square = SIMD8<Float>.zero
        for index in 0..<16 {
            let (value, weight) = (values[index], weights[index])
            let integers = nearest(factors * value).clamped(to: -limit, limit - 1)
            product += weight * value * integers
            square += weight * integers * integers
        }
        return (product, square)
    }
}
