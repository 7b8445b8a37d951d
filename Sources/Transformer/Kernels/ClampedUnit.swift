/// The gated unit of gpt-oss (arXiv 2508.10925): g σ(1.702 g) · (u + 1) with g = min(gate, 7) and u = up, held to ±7.
enum ClampedUnit: ActivationFunction {
    private static var steepness: Float { 1.702 }
    private static var limit: Float { 7 }

    /// g σ(1.702 g)
    @inline(__always) static func value(_ x: SIMD8<Float>) -> SIMD8<Float> {
        let gate = x.replacing(with: limit, where: x .> limit)
        return gate / (exponential(gate * -steepness) + 1)
    }

    /// The slope is σ (1 + 1.702 g (1 − σ)), and 0 beyond the limit.
    @inline(__always) static func valueAndSlope(
        _ x: SIMD8<Float>
    ) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
        let gate = x.replacing(with: limit, where: x .> limit)
        let sigmoid = 1 / (exponential(gate * -steepness) + 1)
        let slope = sigmoid * (1 + gate * steepness * (1 - sigmoid))
        return (gate * sigmoid, slope.replacing(with: 0, where: x .> limit))
    }

    /// What the gate's value is multiplied by, and its derivative.
    @inline(__always) private static func factor(
        _ up: SIMD8<Float>
    ) -> (value: SIMD8<Float>, slope: SIMD8<Float>) {
        let (above, below) = (up .> limit, up .< -limit)
        let held = up.replacing(with: limit, where: above).replacing(with: -limit, where: below)
        return (held + 1, SIMD8(repeating: 1).replacing(with: 0, where: above .| below))
    }

    /// output = value(gate) · factor(up)
    @inline(never) static func gatedForward(
        _ output: UnsafeMutablePointer<Float>, gate: UnsafePointer<Float>,
        up: UnsafePointer<Float>, count: Int
    ) {
        for index in stride(from: 0, to: wholeEights(count), by: 8) {
            output.store8(value(gate.load8(index)) * factor(up.load8(index)).value, index)
        }
        for index in wholeEights(count)..<count {
            output[index] = unit(gate[index], up[index])
        }
    }

    /// gateGradient = outputGradient · factor(up) · value′(gate), upGradient = outputGradient · value(gate) · factor′(up)
    @inline(never) static func gatedBackward(
        _ gateGradient: UnsafeMutablePointer<Float>, upGradient: UnsafeMutablePointer<Float>,
        outputGradient: UnsafePointer<Float>, gate: UnsafePointer<Float>,
        up: UnsafePointer<Float>, count: Int
    ) {
        for index in stride(from: 0, to: wholeEights(count), by: 8) {
            let (ofGate, ofUp) = slopes(gate.load8(index), up.load8(index))
            let change = outputGradient.load8(index)
            gateGradient.store8(change * ofGate, index)
            upGradient.store8(change * ofUp, index)
        }
        for index in wholeEights(count)..<count {
            let (ofGate, ofUp) = slopes(SIMD8(repeating: gate[index]), SIMD8(repeating: up[index]))
            let change = outputGradient[index]
            gateGradient[index] = change * ofGate[0]
            upGradient[index] = change * ofUp[0]
        }
    }

    /// The derivatives of the unit.
    @inline(__always) private static func slopes(
        _ gate: SIMD8<Float>, _ up: SIMD8<Float>
    ) -> (gate: SIMD8<Float>, up: SIMD8<Float>) {
        let (value, slope) = valueAndSlope(gate)
        let factor = factor(up)
        return (slope * factor.value, value * factor.slope)
    }

    // One value, with the bits of a lane.

    @inline(never) private static func unit(_ gate: Float, _ up: Float) -> Float {
        (value(SIMD8(repeating: gate)) * factor(SIMD8(repeating: up)).value)[0]
    }
}
