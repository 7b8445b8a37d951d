/// Scales each row to one length: output = factor · input / √(Σ input² + ε).
///
/// - Parameters:
///   - output: (rows, width); may be the input
///   - input: (rows, width)
///   - factor: the length, but for ε
///   - epsilon: ε, added to the sum of squares
///   - rows: how many rows there are
///   - width: the length of a row
package func unitNormForward(
    _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, factor: Float,
    epsilon: Float, rows: Int, width: Int
) {
    for row in 0..<rows {
        let (x, y) = (input + row * width, output + row * width)
        let scale = factor / (dotForward(x, x, count: width) + epsilon).squareRoot()
        if output != input { y.update(from: x, count: width) }
        scaleForward(y, by: scale, count: width)
    }
}

/// The gradient of `unitNormForward`'s input from that of its output.
///
/// With s = 1 / √(Σ input² + ε) and g the output's gradient it is factor · (s g − s³ (g · input) input).
/// - Parameters:
///   - inputGradient: (rows, width), overwritten; may be `outputGradient`
///   - outputGradient: (rows, width)
///   - input: (rows, width), as the forward read it
///   - factor: as in the forward
///   - epsilon: as in the forward
///   - rows: how many rows there are
///   - width: the length of a row
package func unitNormBackward(
    _ inputGradient: UnsafeMutablePointer<Float>, outputGradient: UnsafePointer<Float>,
    input: UnsafePointer<Float>, factor: Float, epsilon: Float, rows: Int, width: Int
) {
    for row in 0..<rows {
        let (x, change) = (input + row * width, outputGradient + row * width)
        let target = inputGradient + row * width
        let squares = dotForward(x, x, count: width) + epsilon
        let scale = factor / squares.squareRoot()
        let along = dotForward(change, x, count: width) * scale / squares
        if inputGradient != outputGradient { target.update(from: change, count: width) }
        scaleForward(target, by: scale, count: width)
        addScaledForward(target, -along, x, count: width)
    }
}
