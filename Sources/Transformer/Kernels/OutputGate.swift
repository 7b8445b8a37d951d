/// A gate on the outputs of attention: output = σ(gate) · input (arXiv 2505.06708).
///
/// - Parameters:
///   - output: (count); may be the gate or the input
///   - gate: (count)
///   - input: (count)
///   - count: how many values there are
package func outputGateForward(
    _ output: UnsafeMutablePointer<Float>, gate: UnsafePointer<Float>,
    input: UnsafePointer<Float>, count: Int
) {
    ActivationLoops<Logistic>.gatedForward(output, gate: gate, up: input, count: count)
}

/// The gradients of `outputGateForward`'s inputs from that of its output.
///
/// - Parameters:
///   - gateGradient: (count), overwritten; may be the memory of any input
///   - inputGradient: (count), overwritten; may be the memory of any input, but not `gateGradient`
///   - outputGradient: (count)
///   - gate: (count), as the forward read it
///   - input: (count), as the forward read it
///   - count: how many values there are
package func outputGateBackward(
    _ gateGradient: UnsafeMutablePointer<Float>, inputGradient: UnsafeMutablePointer<Float>,
    outputGradient: UnsafePointer<Float>, gate: UnsafePointer<Float>,
    input: UnsafePointer<Float>, count: Int
) {
    ActivationLoops<Logistic>.gatedBackward(
        gateGradient, upGradient: inputGradient, outputGradient: outputGradient, gate: gate,
        up: input, count: count)
}
