/// Integers for weighted values from 0 on.
struct WeightedChoice {
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
            let integers = limit(floats(wholeNumbers(factors * values[index])))
            let differences = values[index] - scales * integers
            errors += weights[index] * differences * differences
        }
        return errors
    }

    mutating func choose(_ factor: Float, highest: Float) {
        for index in 0..<count {
            let integer = min(highest, Float(wholeNumber(factor * values[index])))
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
            let moved = min(highest, Float(wholeNumber(value * newSquare / newProduct)))
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
