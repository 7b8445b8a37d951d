/// The gated activation of a feed-forward layer: output = gate / (1 + e^(−gate)) · up (arXiv 2002.05202).
///
/// - Parameters:
///   - output: (count); may be the gate or the up values
///   - gate: (count)
///   - up: (count)
///   - count: how many values there are
public func swiGLUForward(
    _ output: UnsafeMutablePointer<Float>, gate: UnsafePointer<Float>, up: UnsafePointer<Float>,
    count: Int
) {
    for index in stride(from: 0, to: wholeEights(count), by: 8) {
        let x = gate.load8(index)
        output.store8(x / (exponential(0 - x) + 1) * up.load8(index), index)
    }
    for index in wholeEights(count)..<count {
        let x = gate[index]
        output[index] = x / (exponential(-x) + 1) * up[index]
    }
}

/// The gradients of `swiGLUForward`'s inputs from that of its output.
///
/// With σ = 1 / (1 + e^(−gate)): the gate's is outputGradient · up · σ (1 + gate (1 − σ)), the up values' is
/// outputGradient · gate · σ.
/// - Parameters:
///   - gateGradient: (count), overwritten; may be the memory of any input
///   - upGradient: (count), overwritten; may be the memory of any input, but not `gateGradient`
///   - outputGradient: (count)
///   - gate: (count), as the forward read it
///   - up: (count), as the forward read it
///   - count: how many values there are
public func swiGLUBackward(
    _ gateGradient: UnsafeMutablePointer<Float>, upGradient: UnsafeMutablePointer<Float>,
    outputGradient: UnsafePointer<Float>, gate: UnsafePointer<Float>, up: UnsafePointer<Float>,
    count: Int
) {
    for index in stride(from: 0, to: wholeEights(count), by: 8) {
        let (x, y, change) = (gate.load8(index), up.load8(index), outputGradient.load8(index))
        let sigmoid = 1 / (exponential(0 - x) + 1)
        gateGradient.store8(change * y * (sigmoid * (1 + x * (1 - sigmoid))), index)
        upGradient.store8(change * (x * sigmoid), index)
    }
    for index in wholeEights(count)..<count {
        let (x, y, change) = (gate[index], up[index], outputGradient[index])
        let sigmoid = 1 / (exponential(-x) + 1)
        gateGradient[index] = change * y * (sigmoid * (1 + x * (1 - sigmoid)))
        upGradient[index] = change * (x * sigmoid)
    }
}
