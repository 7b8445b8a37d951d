/// An activation as arithmetic on eight values; `Activation` names it, `ActivationLoops` runs it over memory.
protocol ActivationFunction {
    static func value(_ x: SIMD8<Float>) -> SIMD8<Float>
    /// The value, and the derivative at the same place.
    static func valueAndSlope(
        _ x: SIMD8<Float>
    ) -> (value: SIMD8<Float>, slope: SIMD8<Float>)
}

/// x σ(x), σ(x) = 1 / (1 + e^(−x)) (arXiv 1702.03118).
enum SigmoidUnit: ActivationFunction {
    @inline(__always) static func value(_ x: SIMD8<Float>) -> SIMD8<Float> {
        x / (exponential(0 - x) + 1)
    }

    /// The slope is σ (1 + x (1 − σ)).
    @inline(__always) static func valueAndSlope(
        _ x: SIMD8<Float>
    ) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
        let sigmoid = 1 / (exponential(0 - x) + 1)
        return (x * sigmoid, sigmoid * (1 + x * (1 - sigmoid)))
    }
}

/// σ(x)
enum Logistic: ActivationFunction {
    @inline(__always) static func value(_ x: SIMD8<Float>) -> SIMD8<Float> {
        1 / (exponential(0 - x) + 1)
    }

    /// The slope is σ (1 − σ).
    @inline(__always) static func valueAndSlope(
        _ x: SIMD8<Float>
    ) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
        let sigmoid = value(x)
        return (sigmoid, sigmoid * (1 - sigmoid))
    }
}

/// x Φ(x) with the normal distribution's Φ, which is (1 + erf(x / √2)) / 2 (arXiv 1606.08415).
enum NormalUnit: ActivationFunction {
    @inline(__always) static func value(_ x: SIMD8<Float>) -> SIMD8<Float> {
        x * normalDistribution(x).share
    }

    /// The slope is Φ + x Φ′.
    @inline(__always) static func valueAndSlope(
        _ x: SIMD8<Float>
    ) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
        let (share, density) = normalDistribution(x)
        return (x * share, share + x * density)
    }
}

/// x (1 + tanh u) / 2 with u = √(2/π) (x + 0.044715 x³), computed as x σ(2u), which it is: far below zero, where
/// 1 + tanh u loses its digits, this keeps most: its relative error is within 5e-7 for x ≥ −2, 8e-6 for x ≥ −8.
enum NormalUnitByTangent: ActivationFunction {
    /// 2 √(2/π)
    private static var factor: Float { 1.595_769_1 }
    private static var cubic: Float { 0.044_715 }

    /// e^(−2u)
    @inline(__always) private static func power(_ x: SIMD8<Float>) -> SIMD8<Float> {
        exponential(x * (x * x * (cubic * -factor) - factor))
    }

    @inline(__always) static func value(_ x: SIMD8<Float>) -> SIMD8<Float> { x / (power(x) + 1) }

    /// The slope is σ (1 + x (1 − σ) 2u′).
    @inline(__always) static func valueAndSlope(
        _ x: SIMD8<Float>
    ) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
        let sigmoid = 1 / (power(x) + 1)
        // Beyond 16 the slope is 0 or 1 already, and larger squares would overflow.
        let bounded = x.replacing(with: 16, where: x .> 16).replacing(with: -16, where: x .< -16)
        let innerSlope = bounded * bounded * (3 * cubic * factor) + factor
        return (x * sigmoid, sigmoid * (1 + bounded * (1 - sigmoid) * innerSlope))
    }
}

/// max(x, 0)² (arXiv 2109.08668).
enum SquaredRectifier: ActivationFunction {
    @inline(__always) private static func rectified(_ x: SIMD8<Float>) -> SIMD8<Float> {
        x.replacing(with: 0, where: x .< 0)
    }

    @inline(__always) static func value(_ x: SIMD8<Float>) -> SIMD8<Float> {
        let positive = rectified(x)
        return positive * positive
    }

    /// The slope is 2 max(x, 0).
    @inline(__always) static func valueAndSlope(
        _ x: SIMD8<Float>
    ) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
        let positive = rectified(x)
        return (positive * positive, positive + positive)
    }
}
