/// Root-mean-square normalisation of each row: output = input / √(mean(input²) + ε) · weight (arXiv 1910.07467).
///
/// - Parameters:
///   - output: (rows, width); may be the input
///   - input: (rows, width)
///   - weight: (width)
///   - epsilon: ε, added to the mean of squares
///   - rows: how many rows there are
///   - width: the length of a row
public func rmsNormForward(
    _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>,
    weight: UnsafePointer<Float>,
    epsilon: Float, rows: Int, width: Int
) {
    for row in 0..<rows {
        let x = input + row * width
        let y = output + row * width
        let scale = 1 / (dotForward(x, x, count: width) / Float(width) + epsilon).squareRoot()
        for index in stride(from: 0, to: wholeEights(width), by: 8) {
            y.store8(x.load8(index) * scale * weight.load8(index), index)
        }
        for index in wholeEights(width)..<width { y[index] = x[index] * scale * weight[index] }
    }
}
