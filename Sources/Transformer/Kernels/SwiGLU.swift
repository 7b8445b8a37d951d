/// The gated activation of a feed-forward layer: gate = gate / (1 + e^(−gate)) · up (arXiv 2002.05202).
///
/// - Parameters:
///   - gate: (count), replaced by the result
///   - up: (count)
///   - count: how many values there are
public func swiGLUForward(
    _ gate: UnsafeMutablePointer<Float>, _ up: UnsafePointer<Float>, count: Int
) {
    for index in stride(from: 0, to: wholeEights(count), by: 8) {
        let x = gate.load8(index)
        gate.store8(x / (exponential(0 - x) + 1) * up.load8(index), index)
    }
    for index in wholeEights(count)..<count {
        let x = gate[index]
        gate[index] = x / (exponential(-x) + 1) * up[index]
    }
}
