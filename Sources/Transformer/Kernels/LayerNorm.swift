package import Formats

/// Layer normalisation of each row: output = (input − mean) / √(variance + ε) · weight + bias, with the variance over
/// all of a row's values (arXiv 1607.06450).
///
/// - Parameters:
///   - output: (rows, width); may be the input
///   - input: (rows, width)
///   - weight: (width)
///   - bias: (width), or nil for none
///   - epsilon: ε, added to the variance
///   - rows: how many rows there are
///   - width: the length of a row
package func layerNormForward(
    _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>,
    weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, epsilon: Float, rows: Int,
    width: Int
) {
    for row in 0..<rows {
        let x = input + row * width
        let y = output + row * width
        let moments = RowMoments(x, count: width, epsilon: epsilon)
        for index in stride(from: 0, to: wholeEights(width), by: 8) {
            let scaled = moments.normalized(x.load8(index)) * weight.load8(index)
            y.store8(bias.map { scaled + $0.load8(index) } ?? scaled, index)
        }
        for index in wholeEights(width)..<width {
            let scaled = moments.normalized(x[index]) * weight[index]
            y[index] = bias.map { scaled + $0[index] } ?? scaled
        }
    }
}

/// The gradients of `layerNormForward`'s input, weight and bias from that of its output.
///
/// With n = (input − mean) · s, s = 1 / √(variance + ε) and g = outputGradient · weight, the input's is
/// s (g − mean(g) − n mean(g · n)), the weight's is Σ outputGradient · n and the bias's Σ outputGradient over the rows.
/// The same bits for every crew: rows are taken in fixed parts, whose sums are added in their order.
/// - Parameters:
///   - inputGradient: (rows, width), added to, and then no other argument's memory; or overwritten, and then it may be
///     `outputGradient`
///   - weightGradient: (width), added to; nil where it is not wanted
///   - biasGradient: (width), added to; nil where it is not wanted
///   - outputGradient: (rows, width)
///   - input: (rows, width), as the forward read it
///   - weight: (width)
///   - epsilon: ε, added to the variance
///   - rows: how many rows there are
///   - width: the length of a row
///   - accumulating: whether the input's gradient is added or overwritten
///   - crew: the threads that share the work
package func layerNormBackward(
    _ inputGradient: UnsafeMutablePointer<Float>, weightGradient: UnsafeMutablePointer<Float>?,
    biasGradient: UnsafeMutablePointer<Float>?, outputGradient: UnsafePointer<Float>,
    input: UnsafePointer<Float>, weight: UnsafePointer<Float>, epsilon: Float, rows: Int,
    width: Int, accumulating: Bool = true, crew: WorkCrew
) {
    addRowSums(to: [weightGradient, biasGradient], width: width, rows: rows, crew: crew) {
        [
            inputGradient = Shared(inputGradient), outputGradient = Shared(outputGradient),
            input = Shared(input), weight = Shared(weight)
        ] part, sums in
        for row in part {
            let start = row * width
            let moments = RowMoments(input + start, count: width, epsilon: epsilon)
            // Before the input's gradient, which may take the place of the output's.
            if let sum = sums[0] {
                addProducts(sum, outputGradient + start, input + start, moments, width)
            }
            if let sum = sums[1] { addForward(sum, outputGradient + start, count: width) }
            inputBackward(
                inputGradient + start, outputGradient + start, input + start, weight.pointer,
                moments, width, accumulating)
        }
    }
}

/// weightGradient += outputGradient · n of one row.
private func addProducts(
    _ weightGradient: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>,
    _ x: UnsafePointer<Float>, _ moments: RowMoments, _ width: Int
) {
    for index in stride(from: 0, to: wholeEights(width), by: 8) {
        let product = outputGradient.load8(index) * moments.normalized(x.load8(index))
        weightGradient.store8(weightGradient.load8(index) + product, index)
    }
    for index in wholeEights(width)..<width {
        weightGradient[index] += outputGradient[index] * moments.normalized(x[index])
    }
}

/// One row of the input's gradient.
private func inputBackward(
    _ inputGradient: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>,
    _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ moments: RowMoments,
    _ width: Int, _ accumulating: Bool
) {
    let whole = wholeEights(width)
    var (lanes, products) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
    for index in stride(from: 0, to: whole, by: 8) {
        let change = outputGradient.load8(index) * weight.load8(index)
        lanes += change
        products += change * moments.normalized(x.load8(index))
    }
    var (sum, productSum) = (lanes.sum(), products.sum())
    for index in whole..<width {
        let change = outputGradient[index] * weight[index]
        sum += change
        productSum += change * moments.normalized(x[index])
    }
    let (mean, pull) = (sum / Float(width), productSum / Float(width))
    for index in stride(from: 0, to: whole, by: 8) {
        let change = outputGradient.load8(index) * weight.load8(index)
        let slope = (change - mean - moments.normalized(x.load8(index)) * pull) * moments.scale
        inputGradient.store8(accumulating ? inputGradient.load8(index) + slope : slope, index)
    }
    for index in whole..<width {
        let change = outputGradient[index] * weight[index]
        let slope = (change - mean - moments.normalized(x[index]) * pull) * moments.scale
        inputGradient[index] = accumulating ? inputGradient[index] + slope : slope
    }
}

/// The mean of a row, and what its deviations are multiplied by.
private struct RowMoments {
    let mean: Float
    /// 1 / √(variance + ε)
    let scale: Float

    /// In two passes: a variance by the mean of squares would lose its digits in rows far from zero.
    init(_ x: UnsafePointer<Float>, count: Int, epsilon: Float) {
        let mean = Self.sum(x, count: count) { $0 } / Float(count)
        let squares = Self.sum(x, count: count) { ($0 - mean) * ($0 - mean) }
        self.mean = mean
        scale = 1 / (squares / Float(count) + epsilon).squareRoot()
    }

    @inline(__always) func normalized(_ x: SIMD8<Float>) -> SIMD8<Float> { (x - mean) * scale }

    @inline(__always) func normalized(_ x: Float) -> Float { (x - mean) * scale }

    /// The sum of a term over a row, in four sums of eight lanes.
    @inline(__always) private static func sum(
        _ x: UnsafePointer<Float>, count: Int, _ term: (SIMD8<Float>) -> SIMD8<Float>
    ) -> Float {
        var sums = (SIMD8<Float>.zero, SIMD8<Float>.zero, SIMD8<Float>.zero, SIMD8<Float>.zero)
        var index = 0
        while index + 32 <= count {
            sums.0 += term(x.load8(index))
            sums.1 += term(x.load8(index + 8))
            sums.2 += term(x.load8(index + 16))
            sums.3 += term(x.load8(index + 24))
            index += 32
        }
        while index + 8 <= count {
            sums.0 += term(x.load8(index))
            index += 8
        }
        var tail: Float = 0
        while index < count {
            tail += term(SIMD8(repeating: x[index]))[0]
            index += 1
        }
        return ((sums.0 + sums.1) + (sums.2 + sums.3)).sum() + tail
    }
}
