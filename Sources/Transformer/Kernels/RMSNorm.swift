public import Formats

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

/// The gradients of `rmsNormForward`'s input and weight from that of its output; both are added.
///
/// With s = 1 / √(mean(input²) + ε) and g = outputGradient · weight, the input's is
/// s g − s³ mean(g · input) input, and the weight's is Σ outputGradient · input · s over the rows. The same bits for
/// every crew: rows are taken in fixed parts, whose sums are added in their order.
/// - Parameters:
///   - inputGradient: (rows, width), added to; no other argument's memory
///   - weightGradient: (width), added to; nil where it is not wanted
///   - outputGradient: (rows, width)
///   - input: (rows, width), as the forward read it
///   - weight: (width)
///   - epsilon: ε, added to the mean of squares
///   - rows: how many rows there are
///   - width: the length of a row
///   - crew: the threads that share the work
public func rmsNormBackward(
    _ inputGradient: UnsafeMutablePointer<Float>, weightGradient: UnsafeMutablePointer<Float>?,
    outputGradient: UnsafePointer<Float>, input: UnsafePointer<Float>,
    weight: UnsafePointer<Float>, epsilon: Float, rows: Int, width: Int, crew: WorkCrew
) {
    // Some microseconds of work, and never so many parts that their sums take much memory.
    let rowsPerPart = max(16, (rows + 63) / 64)
    let parts = (rows + rowsPerPart - 1) / rowsPerPart
    ScratchPool.shared.withFloats(weightGradient == nil ? 0 : parts * width) { sums in
        crew.run(parts) { part in
            let partSum = weightGradient == nil ? nil : sums + part * width
            partSum?.update(repeating: 0, count: width)
            for row in part * rowsPerPart..<min(rows, (part + 1) * rowsPerPart) {
                rmsNormBackward(
                    inputGradient + row * width, partSum, outputGradient + row * width,
                    input + row * width, weight, epsilon, width)
            }
        }
        guard let weightGradient else { return }
        for part in 0..<parts { addForward(weightGradient, sums + part * width, count: width) }
    }
}

/// One row.
private func rmsNormBackward(
    _ inputGradient: UnsafeMutablePointer<Float>, _ weightGradient: UnsafeMutablePointer<Float>?,
    _ outputGradient: UnsafePointer<Float>, _ x: UnsafePointer<Float>,
    _ weight: UnsafePointer<Float>, _ epsilon: Float, _ width: Int
) {
    let whole = wholeEights(width)
    let scale = 1 / (dotForward(x, x, count: width) / Float(width) + epsilon).squareRoot()
    var lanes = SIMD8<Float>.zero
    for index in stride(from: 0, to: whole, by: 8) {
        lanes.addProduct(outputGradient.load8(index) * weight.load8(index), x.load8(index))
    }
    var sum = lanes.sum()
    for index in whole..<width { sum += outputGradient[index] * weight[index] * x[index] }
    let pull = scale * scale * scale * (sum / Float(width))
    for index in stride(from: 0, to: whole, by: 8) {
        let change = outputGradient.load8(index) * weight.load8(index) * scale
        inputGradient.store8(
            inputGradient.load8(index) + (change - x.load8(index) * pull), index)
    }
    for index in whole..<width {
        inputGradient[index] += outputGradient[index] * weight[index] * scale - x[index] * pull
    }
    guard let weightGradient else { return }
    for index in stride(from: 0, to: whole, by: 8) {
        weightGradient.store8(
            weightGradient.load8(index) + outputGradient.load8(index) * x.load8(index) * scale,
            index)
    }
    for index in whole..<width {
        weightGradient[index] += outputGradient[index] * x[index] * scale
    }
}
