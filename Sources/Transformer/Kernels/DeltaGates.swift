import Glibc

/// The decay and the strength of a gated delta rule, for each row and head: e^(rate · softplus(x + bias)) and σ(y).
///
/// - Parameters:
///   - decay: (rows, heads), overwritten
///   - strength: (rows, heads), overwritten; may be `strengthInput`
///   - decayInput: (rows, heads)
///   - strengthInput: (rows, heads)
///   - rate: (heads), below 0 as a rule
///   - bias: (heads)
///   - rows: how many rows there are
///   - heads: how many heads there are
package func deltaGatesForward(
    _ decay: UnsafeMutablePointer<Float>, strength: UnsafeMutablePointer<Float>,
    decayInput: UnsafePointer<Float>, strengthInput: UnsafePointer<Float>,
    rate: UnsafePointer<Float>, bias: UnsafePointer<Float>, rows: Int, heads: Int
) {
    for index in 0..<rows * heads {
        let head = index % heads
        decay[index] = exp(rate[head] * softplus(decayInput[index] + bias[head]))
        strength[index] = sigmoid(strengthInput[index])
    }
}

/// The gradients of `deltaGatesForward`'s inputs from those of its outputs.
///
/// - Parameters:
///   - decayInputGradient: (rows, heads), overwritten; may be `decayGradient`
///   - strengthInputGradient: (rows, heads), overwritten; may be `strengthGradient`
///   - rateGradient: (heads), added to; nil where it is not wanted
///   - biasGradient: (heads), added to; nil where it is not wanted
///   - decayGradient: (rows, heads)
///   - strengthGradient: (rows, heads)
///   - decayInput: (rows, heads), as the forward read it
///   - strengthInput: (rows, heads), as the forward read it
///   - rate: (heads)
///   - bias: (heads)
///   - rows: how many rows there are
///   - heads: how many heads there are
package func deltaGatesBackward(
    _ decayInputGradient: UnsafeMutablePointer<Float>,
    strengthInputGradient: UnsafeMutablePointer<Float>,
    rateGradient: UnsafeMutablePointer<Float>?, biasGradient: UnsafeMutablePointer<Float>?,
    decayGradient: UnsafePointer<Float>, strengthGradient: UnsafePointer<Float>,
    decayInput: UnsafePointer<Float>, strengthInput: UnsafePointer<Float>,
    rate: UnsafePointer<Float>, bias: UnsafePointer<Float>, rows: Int, heads: Int
) {
    for index in 0..<rows * heads {
        let head = index % heads
        let x = decayInput[index] + bias[head]
        let step = softplus(x)
        let exponentGradient = decayGradient[index] * exp(rate[head] * step)
        rateGradient?[head] += exponentGradient * step
        let inputGradient = exponentGradient * rate[head] * sigmoid(x)
        biasGradient?[head] += inputGradient
        decayInputGradient[index] = inputGradient
        let share = sigmoid(strengthInput[index])
        strengthInputGradient[index] = strengthGradient[index] * share * (1 - share)
    }
}

/// ln(1 + eˣ), which is x where eˣ is beyond the digits of an f32.
private func softplus(_ x: Float) -> Float { x > 20 ? x : log1p(exp(x)) }

private func sigmoid(_ x: Float) -> Float { 1 / (1 + exp(-x)) }
