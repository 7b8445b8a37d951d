package import Formats

/// A feed-forward unit without a gate: output = activation(input).
///
/// - Parameters:
///   - output: (count); may be the input
///   - input: (count)
///   - activation: what each value goes through
///   - count: how many values there are
package func activationForward(
    _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, activation: Activation,
    count: Int
) {
    switch activation {
    case .silu: ActivationLoops<SigmoidUnit>.forward(output, input, count: count)
    case .gelu: ActivationLoops<NormalUnit>.forward(output, input, count: count)
    case .geluTanh: ActivationLoops<NormalUnitByTangent>.forward(output, input, count: count)
    case .reluSquared: ActivationLoops<SquaredRectifier>.forward(output, input, count: count)
    case .clampedSilu: ActivationLoops<ClampedUnit>.forward(output, input, count: count)
    }
}

/// The gradient of `activationForward`'s input from that of its output, in place.
///
/// - Parameters:
///   - gradient: (count), the output's, which becomes the input's: multiplied by activation′(input)
///   - input: (count), as the forward read it
///   - activation: what each value went through
///   - count: how many values there are
package func activationBackward(
    _ gradient: UnsafeMutablePointer<Float>, input: UnsafePointer<Float>, activation: Activation,
    count: Int
) {
    switch activation {
    case .silu: ActivationLoops<SigmoidUnit>.backward(gradient, input: input, count: count)
    case .gelu: ActivationLoops<NormalUnit>.backward(gradient, input: input, count: count)
    case .geluTanh:
        ActivationLoops<NormalUnitByTangent>.backward(gradient, input: input, count: count)
    case .reluSquared:
        ActivationLoops<SquaredRectifier>.backward(gradient, input: input, count: count)
    case .clampedSilu: ActivationLoops<ClampedUnit>.backward(gradient, input: input, count: count)
    }
}

/// Loops over an activation, each compiled for it alone.
enum ActivationLoops<Function: ActivationFunction> {
    /// output = f(input)
    @inline(never) static func forward(
        _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int
    ) {
        for index in stride(from: 0, to: wholeEights(count), by: 8) {
            output.store8(Function.value(input.load8(index)), index)
        }
        for index in wholeEights(count)..<count { output[index] = value(input[index]) }
    }

    /// gradient = gradient · f′(input)
    @inline(never) static func backward(
        _ gradient: UnsafeMutablePointer<Float>, input: UnsafePointer<Float>, count: Int
    ) {
        for index in stride(from: 0, to: wholeEights(count), by: 8) {
            let slope = Function.valueAndSlope(input.load8(index)).slope
            gradient.store8(gradient.load8(index) * slope, index)
        }
        for index in wholeEights(count)..<count {
            gradient[index] *= valueAndSlope(input[index]).slope
        }
    }

    // One value, with the bits of a lane. Not inlined: the inliner gives up on loops that hold the function twice.

    @inline(never) static func value(_ x: Float) -> Float {
        Function.value(SIMD8(repeating: x))[0]
    }

    @inline(never) static func valueAndSlope(_ x: Float) -> (value: Float, slope: Float) {
        let (value, slope) = Function.valueAndSlope(SIMD8(repeating: x))
        return (value[0], slope[0])
    }
}
