package import Formats

/// Root-mean-square normalisation of each row: output = input / √(mean(input²) + ε) · weight (arXiv 1910.07467).
///
/// - Parameters:
///   - output: (rows, width); may be the input
///   - input: (rows, width)
///   - weight: (width)
///   - epsilon: ε, added to the mean of squares
///   - rows: how many rows there are
///   - width: the length of a row
package func rmsNormForward(
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

/// The gradients of `rmsNormForward`'s input and weight from that of its output.
///
/// With s = 1 / √(mean(input²) + ε) and g = outputGradient · weight, the input's is
/// s g − s³ mean(g · input) input, and the weight's is Σ outputGradient · input · s over the rows. The same bits for
/// every crew: rows are taken in fixed parts, whose sums are added in their order.
/// - Parameters:
///   - inputGradient: (rows, width), added to, and then no other argument's memory; or overwritten, and then it may be
///     `outputGradient`
///   - weightGradient: (width), added to; nil where it is not wanted
///   - outputGradient: (rows, width)
///   - input: (rows, width), as the forward read it
///   - weight: (width)
///   - epsilon: ε, added to the mean of squares
///   - rows: how many rows there are
///   - width: the length of a row
///   - accumulating: whether the input's gradient is added or overwritten
///   - crew: the threads that share the work
package func rmsNormBackward(
    _ inputGradient: UnsafeMutablePointer<Float>, weightGradient: UnsafeMutablePointer<Float>?,
    outputGradient: UnsafePointer<Float>, input: UnsafePointer<Float>,
    weight: UnsafePointer<Float>, epsilon: Float, rows: Int, width: Int,
    accumulating: Bool = true, crew: WorkCrew
) {
    addRowSums(to: [weightGradient], width: width, rows: rows, crew: crew) {
        [
            inputGradient = Shared(inputGradient), outputGradient = Shared(outputGradient),
            input = Shared(input), weight = Shared(weight)
        ] part, sums in
        for row in part {
            let (y, x) = (outputGradient + row * width, input + row * width)
            let scale = 1 / (dotForward(x, x, count: width) / Float(width) + epsilon).squareRoot()
            // Before the input's gradient, which may take the place of the output's.
            if let sum = sums[0] { addProducts(sum, y, x, scale, width) }
            inputBackward(
                inputGradient + row * width, y, x, weight.pointer, scale, width, accumulating)
        }
    }
}

/// weightGradient += outputGradient · input · scale of one row.
private func addProducts(
    _ weightGradient: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>,
    _ x: UnsafePointer<Float>, _ scale: Float, _ width: Int
) {
    for index in stride(from: 0, to: wholeEights(width), by: 8) {
        weightGradient.store8(
            weightGradient.load8(index) + outputGradient.load8(index) * x.load8(index) * scale,
            index)
    }
    for index in wholeEights(width)..<width {
        weightGradient[index] += outputGradient[index] * x[index] * scale
    }
}

/// One row of the input's gradient.
private func inputBackward(
    _ inputGradient: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>,
    _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ scale: Float, _ width: Int,
    _ accumulating: Bool
) {
    let whole = wholeEights(width)
    var lanes = SIMD8<Float>.zero
    for index in stride(from: 0, to: whole, by: 8) {
        lanes.addProduct(outputGradient.load8(index) * weight.load8(index), x.load8(index))
    }
    var sum = lanes.sum()
    for index in whole..<width { sum += outputGradient[index] * weight[index] * x[index] }
    let pull = scale * scale * scale * (sum / Float(width))
    for index in stride(from: 0, to: whole, by: 8) {
        let change = outputGradient.load8(index) * weight.load8(index) * scale
        let slope = change - x.load8(index) * pull
        inputGradient.store8(accumulating ? inputGradient.load8(index) + slope : slope, index)
    }
    for index in whole..<width {
        let slope = outputGradient[index] * weight[index] * scale - x[index] * pull
        inputGradient[index] = accumulating ? inputGradient[index] + slope : slope
    }
}
