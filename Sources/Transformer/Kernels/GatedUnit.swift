package import Formats

/// A gated feed-forward unit: output = activation(gate) · up (arXiv 2002.05202); `clampedSilu` says what it makes of up.
///
/// - Parameters:
///   - output: (count); may be the gate or the up values
///   - gate: (count)
///   - up: (count)
///   - activation: what the gate goes through
///   - count: how many values there are
package func gatedUnitForward(
    _ output: UnsafeMutablePointer<Float>, gate: UnsafePointer<Float>, up: UnsafePointer<Float>,
    activation: Activation, count: Int
) {
    switch activation {
    case .silu:
        ActivationLoops<SigmoidUnit>.gatedForward(output, gate: gate, up: up, count: count)
    case .gelu:
        ActivationLoops<NormalUnit>.gatedForward(output, gate: gate, up: up, count: count)
    case .geluTanh:
        ActivationLoops<NormalUnitByTangent>.gatedForward(output, gate: gate, up: up, count: count)
    case .reluSquared:
        ActivationLoops<SquaredRectifier>.gatedForward(output, gate: gate, up: up, count: count)
    case .clampedSilu: ClampedUnit.gatedForward(output, gate: gate, up: up, count: count)
    }
}

/// The gradients of `gatedUnitForward`'s inputs from that of its output.
///
/// The gate's is outputGradient · up · activation′(gate), the up values' is outputGradient · activation(gate);
/// `clampedSilu` has its own.
/// - Parameters:
///   - gateGradient: (count), overwritten; may be the memory of any input
///   - upGradient: (count), overwritten; may be the memory of any input, but not `gateGradient`
///   - outputGradient: (count)
///   - gate: (count), as the forward read it
///   - up: (count), as the forward read it
///   - activation: what the gate went through
///   - count: how many values there are
package func gatedUnitBackward(
    _ gateGradient: UnsafeMutablePointer<Float>, upGradient: UnsafeMutablePointer<Float>,
    outputGradient: UnsafePointer<Float>, gate: UnsafePointer<Float>, up: UnsafePointer<Float>,
    activation: Activation, count: Int
) {
    switch activation {
    case .silu:
        ActivationLoops<SigmoidUnit>.gatedBackward(
            gateGradient, upGradient: upGradient, outputGradient: outputGradient, gate: gate,
            up: up, count: count)
    case .gelu:
        ActivationLoops<NormalUnit>.gatedBackward(
            gateGradient, upGradient: upGradient, outputGradient: outputGradient, gate: gate,
            up: up, count: count)
    case .geluTanh:
        ActivationLoops<NormalUnitByTangent>.gatedBackward(
            gateGradient, upGradient: upGradient, outputGradient: outputGradient, gate: gate,
            up: up, count: count)
    case .reluSquared:
        ActivationLoops<SquaredRectifier>.gatedBackward(
            gateGradient, upGradient: upGradient, outputGradient: outputGradient, gate: gate,
            up: up, count: count)
    case .clampedSilu:
        ClampedUnit.gatedBackward(
            gateGradient, upGradient: upGradient, outputGradient: outputGradient, gate: gate,
            up: up, count: count)
    }
}

extension ActivationLoops {
    /// output = f(gate) · up
    @inline(never) static func gatedForward(
        _ output: UnsafeMutablePointer<Float>, gate: UnsafePointer<Float>,
        up: UnsafePointer<Float>, count: Int
    ) {
        for index in stride(from: 0, to: wholeEights(count), by: 8) {
            output.store8(Function.value(gate.load8(index)) * up.load8(index), index)
        }
        for index in wholeEights(count)..<count {
            output[index] = value(gate[index]) * up[index]
        }
    }

    /// gateGradient = outputGradient · up · f′(gate), upGradient = outputGradient · f(gate)
    @inline(never) static func gatedBackward(
        _ gateGradient: UnsafeMutablePointer<Float>, upGradient: UnsafeMutablePointer<Float>,
        outputGradient: UnsafePointer<Float>, gate: UnsafePointer<Float>,
        up: UnsafePointer<Float>, count: Int
    ) {
        for index in stride(from: 0, to: wholeEights(count), by: 8) {
            let (y, change) = (up.load8(index), outputGradient.load8(index))
            let (value, slope) = Function.valueAndSlope(gate.load8(index))
            gateGradient.store8(change * y * slope, index)
            upGradient.store8(change * value, index)
        }
        for index in wholeEights(count)..<count {
            let (y, change) = (up[index], outputGradient[index])
            let (value, slope) = valueAndSlope(gate[index])
            gateGradient[index] = change * y * slope
            upGradient[index] = change * value
        }
    }
}
