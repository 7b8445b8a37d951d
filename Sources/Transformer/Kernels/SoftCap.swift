/// Bounds values smoothly, in place: value = cap · tanh(value / cap) (Gemma 2, arXiv 2408.00118, section 2).
///
/// - Parameters:
///   - values: (count)
///   - cap: positive; what no value exceeds
///   - count: how many values there are
package func softCapForward(_ values: UnsafeMutablePointer<Float>, cap: Float, count: Int) {
    for index in stride(from: 0, to: wholeEights(count), by: 8) {
        values.store8(hyperbolicTangent(values.load8(index) / cap) * cap, index)
    }
    for index in wholeEights(count)..<count {
        values[index] = hyperbolicTangent(values[index] / cap) * cap
    }
}

/// The gradient of `softCapForward`'s input from that of its output, in place.
///
/// - Parameters:
///   - gradient: (count), the output's, which becomes the input's: multiplied by 1 − (capped / cap)²
///   - capped: (count), what the forward wrote
///   - cap: as in the forward
///   - count: how many values there are
package func softCapBackward(
    _ gradient: UnsafeMutablePointer<Float>, capped: UnsafePointer<Float>, cap: Float, count: Int
) {
    for index in stride(from: 0, to: wholeEights(count), by: 8) {
        let share = capped.load8(index) / cap
        gradient.store8(gradient.load8(index) * (1 - share * share), index)
    }
    for index in wholeEights(count)..<count {
        let share = capped[index] / cap
        gradient[index] *= 1 - share * share
    }
}
