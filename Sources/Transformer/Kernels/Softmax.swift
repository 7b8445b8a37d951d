/// Softmax of one row in place: row = e^(row − max) / Σ e^(row − max).
///
/// - Precondition: count ≥ 1. Entries may be −∞, but not all of them.
package func softmaxForward(_ row: UnsafeMutablePointer<Float>, count: Int) {
    precondition(count >= 1)
    let sum = exponentiate(row, minus: largest(row, count: count), count: count)
    scaleForward(row, by: 1 / sum, count: count)
}

/// The largest entry of a row of at least one.
func largest(_ row: UnsafePointer<Float>, count: Int) -> Float {
    let whole = wholeEights(count)
    var lanes = SIMD8<Float>(repeating: -.infinity)
    for index in stride(from: 0, to: whole, by: 8) {
        let x = row.load8(index)
        lanes.replace(with: x, where: x .> lanes)
    }
    var most = lanes.max()
    for index in whole..<count where row[index] > most { most = row[index] }
    return most
}

/// Replaces each x by e^(x − shift), and returns the sum.
func exponentiate(_ row: UnsafeMutablePointer<Float>, minus shift: Float, count: Int) -> Float {
    let whole = wholeEights(count)
    var lanes = SIMD8<Float>.zero
    for index in stride(from: 0, to: whole, by: 8) {
        let power = exponential(row.load8(index) - shift)
        row.store8(power, index)
        lanes += power
    }
    var sum = lanes.sum()
    for index in whole..<count {
        row[index] = exponential(row[index] - shift)
        sum += row[index]
    }
    return sum
}
