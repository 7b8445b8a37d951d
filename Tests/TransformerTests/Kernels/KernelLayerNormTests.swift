import Formats
import Foundation
import Testing
import Transformer

/// Layer normalisation against plain loops in Double and central differences, and what both norms allow.
@Suite struct KernelLayerNormTests {
    static let widths = [1, 2, 7, 8, 9, 31, 33, 129, 576]

    @Test(arguments: widths) func forwardAgreesWithTheNaiveTwin(width: Int) {
        for hasBias in [false, true] {
            let inputs = Norm(rows: 5, width: width, hasBias: hasBias)
            #expect(largestDifference(inputs.forward(), inputs.naiveForward()) < 4e-6)
        }
    }

    @Test(arguments: widths) func backwardAgreesWithTheNaiveTwin(width: Int) {
        let inputs = Norm(rows: 37, width: width)
        let start = Gradients(
            input: randomFloats(37 * width, seed: 5), weight: randomFloats(width, seed: 6),
            bias: randomFloats(width, seed: 7))
        let found = inputs.backward(addedTo: start, crew: WorkCrew(threads: 1))
        let naive = inputs.naiveBackward()
        func expected(_ start: [Float], _ change: [Double]) -> [Double] {
            zip(start, change).map { Double($0) + $1 }
        }
        #expect(relativeDifference(found.input, expected(start.input, naive.input)) < 4e-6)
        #expect(relativeDifference(found.weight, expected(start.weight, naive.weight)) < 4e-6)
        #expect(relativeDifference(found.bias, expected(start.bias, naive.bias)) < 4e-6)
    }

    /// Step 2⁻⁶; the third derivative of a norm of values around 1 is of order 1.
    @Test func backwardAgreesWithCentralDifferences() {
        let inputs = Norm(rows: 2, width: 19)
        let found = inputs.backward(addedTo: .zero(rows: 2, width: 19), crew: WorkCrew(threads: 1))
        func differences(_ part: WritableKeyPath<Norm, [Float]>) -> [Double] {
            centralDifferences(of: inputs[keyPath: part], step: 0x1p-6) { values in
                var moved = inputs
                moved[keyPath: part] = values
                return weightedSum(moved.forward(), inputs.change)
            }
        }
        #expect(relativeDifference(found.input, differences(\.input)) < 1e-3)
        #expect(relativeDifference(found.weight, differences(\.weight)) < 1e-4)
        #expect(relativeDifference(found.bias, differences(\.bias)) < 1e-4)
    }

    @Test(arguments: [1, 16, 17, 1_030, 2_500]) func bitsAreEqualForEveryCrew(rows: Int) {
        let inputs = Norm(rows: rows, width: 31)
        let start = Gradients.zero(rows: rows, width: 31)
        let found = [1, 2, 3].map { inputs.backward(addedTo: start, crew: WorkCrew(threads: $0)) }
        #expect(found[0].bits == found[1].bits && found[0].bits == found[2].bits)
    }

    /// A variance by the mean of squares would have no digit left here.
    @Test func rowsFarFromZeroKeepTheirDigits() {
        var inputs = Norm(rows: 3, width: 129)
        inputs.input = inputs.input.map { 4_096 + ($0 * 64).rounded() / 64 }
        #expect(largestDifference(inputs.forward(), inputs.naiveForward()) < 1e-3)
    }

    @Test func equalValuesGiveTheBias() {
        var inputs = Norm(rows: 2, width: 9)
        inputs.input = [Float](repeating: 3, count: 18)
        #expect(inputs.forward() == inputs.bias + inputs.bias)
    }

    // MARK: - Either norm

    @Test(arguments: widths) func bothNormsMayOverwriteTheirInput(width: Int) {
        let inputs = Norm(rows: 4, width: width)
        var (layer, rms) = (inputs.input, inputs.input)
        layer.withUnsafeMutableBufferPointer { values in
            guard let start = values.baseAddress else { return }
            layerNormForward(
                start, start, weight: inputs.weight, bias: inputs.bias, epsilon: Norm.epsilon,
                rows: 4, width: width)
        }
        rms.withUnsafeMutableBufferPointer { values in
            guard let start = values.baseAddress else { return }
            rmsNormForward(
                start, start, weight: inputs.weight, epsilon: Norm.epsilon, rows: 4, width: width)
        }
        #expect(layer == inputs.forward())
        #expect(rms == inputs.rmsForward())
    }

    /// Overwriting, in place of the output's gradient, gives what adding to zeros gives.
    @Test(arguments: widths) func bothGradientsMayReplaceTheOutputs(width: Int) {
        let inputs = Norm(rows: 37, width: width)
        for isLayer in [false, true] {
            let start = Gradients.zero(rows: 37, width: width)
            let apart = inputs.backward(
                addedTo: start, isLayer: isLayer, crew: WorkCrew(threads: 1))
            for threads in 1...3 {
                var gradients = start
                gradients.input = inputs.change
                inputs.backwardInPlace(
                    &gradients, isLayer: isLayer, crew: WorkCrew(threads: threads))
                #expect(gradients == apart)
            }
        }
    }

    /// The norm of heads: rows · heads short rows with one weight, whose gradient is a sum over all of them.
    @Test(arguments: [(5, 3, 16), (33, 9, 64), (2, 4, 7)])
    func rowsOfHeadsAreNormedOneByOne(tokens: Int, heads: Int, headSize: Int) {
        let inputs = Norm(rows: tokens * heads, width: headSize)
        let whole = inputs.rmsForward()
        let start = Gradients.zero(rows: tokens * heads, width: headSize)
        let found = inputs.backward(addedTo: start, isLayer: false, crew: WorkCrew(threads: 2))
        var sum = [Double](repeating: 0, count: headSize)
        for row in 0..<tokens * heads {
            let alone = inputs.row(row)
            #expect(alone.rmsForward() == Array(whole[row * headSize..<(row + 1) * headSize]))
            let gradients = alone.backward(
                addedTo: .zero(rows: 1, width: headSize), isLayer: false,
                crew: WorkCrew(threads: 1))
            #expect(gradients.input == Array(found.input[row * headSize..<(row + 1) * headSize]))
            for index in 0..<headSize { sum[index] += Double(gradients.weight[index]) }
        }
        #expect(relativeDifference(found.weight, sum) < 2e-6)
    }

    @Test func gradientsNobodyWantsAreLeftOut() {
        let inputs = Norm(rows: 3, width: 9)
        var gradient = [Float](repeating: 0, count: 27)
        layerNormBackward(
            &gradient, weightGradient: nil, biasGradient: nil, outputGradient: inputs.change,
            input: inputs.input, weight: inputs.weight, epsilon: Norm.epsilon, rows: 3, width: 9,
            crew: WorkCrew(threads: 1))
        #expect(relativeDifference(gradient, inputs.naiveBackward().input) < 4e-6)
    }
}

private struct Gradients: Equatable {
    var input: [Float]
    var weight: [Float]
    var bias: [Float]

    static func zero(rows: Int, width: Int) -> Gradients {
        let zeros = [Float](repeating: 0, count: width)
        return Gradients(
            input: [Float](repeating: 0, count: rows * width), weight: zeros, bias: zeros)
    }

    var bits: [UInt32] { (input + weight + bias).map(\.bitPattern) }
}

/// Norms of random rows.
private struct Norm {
    static let epsilon: Float = 1e-3
    let rows: Int
    let width: Int
    let hasBias: Bool
    var input: [Float]
    var weight: [Float]
    var bias: [Float]
    var change: [Float]

    init(rows: Int, width: Int, hasBias: Bool = true) {
        self.rows = rows
        self.width = width
        self.hasBias = hasBias
        input = randomFloats(rows * width, seed: 1).map { $0 + 0.5 }
        weight = randomFloats(width, seed: 2)
        bias = hasBias ? randomFloats(width, seed: 3) : [Float](repeating: 0, count: width)
        change = randomFloats(rows * width, seed: 4)
    }

    /// One row alone.
    func row(_ index: Int) -> Norm {
        var alone = Norm(rows: 1, width: width)
        let range = index * width..<(index + 1) * width
        (alone.input, alone.change) = (Array(input[range]), Array(change[range]))
        return alone
    }

    func forward() -> [Float] {
        var output = [Float](repeating: .nan, count: rows * width)
        bias.withUnsafeBufferPointer { bias in
            layerNormForward(
                &output, input, weight: weight, bias: hasBias ? bias.baseAddress : nil,
                epsilon: Self.epsilon, rows: rows, width: width)
        }
        return output
    }

    func rmsForward() -> [Float] {
        var output = [Float](repeating: .nan, count: rows * width)
        rmsNormForward(
            &output, input, weight: weight, epsilon: Self.epsilon, rows: rows, width: width)
        return output
    }

    func backward(
        addedTo start: Gradients, isLayer: Bool = true, crew: WorkCrew
    ) -> Gradients {
        var found = start
        if isLayer {
            layerNormBackward(
                &found.input, weightGradient: &found.weight, biasGradient: &found.bias,
                outputGradient: change, input: input, weight: weight, epsilon: Self.epsilon,
                rows: rows, width: width, crew: crew)
        } else {
            rmsNormBackward(
                &found.input, weightGradient: &found.weight, outputGradient: change, input: input,
                weight: weight, epsilon: Self.epsilon, rows: rows, width: width, crew: crew)
        }
        return found
    }

    /// With the output's gradient in the place of the input's.
    func backwardInPlace(_ gradients: inout Gradients, isLayer: Bool, crew: WorkCrew) {
        var (weightGradient, biasGradient) = (gradients.weight, gradients.bias)
        gradients.input.withUnsafeMutableBufferPointer { values in
            guard let start = values.baseAddress else { return }
            if isLayer {
                layerNormBackward(
                    start, weightGradient: &weightGradient, biasGradient: &biasGradient,
                    outputGradient: start, input: input, weight: weight, epsilon: Self.epsilon,
                    rows: rows, width: width, accumulating: false, crew: crew)
            } else {
                rmsNormBackward(
                    start, weightGradient: &weightGradient, outputGradient: start, input: input,
                    weight: weight, epsilon: Self.epsilon, rows: rows, width: width,
                    accumulating: false, crew: crew)
            }
        }
        (gradients.weight, gradients.bias) = (weightGradient, biasGradient)
    }

    /// The normalised values of a row, and what its deviations are multiplied by.
    private func normalized(_ row: Int) -> (values: [Double], scale: Double) {
        let x = input[row * width..<(row + 1) * width].map(Double.init)
        let mean = x.reduce(0, +) / Double(width)
        let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
        let scale = 1 / (variance + Double(Self.epsilon)).squareRoot()
        return (x.map { ($0 - mean) * scale }, scale)
    }

    func naiveForward() -> [Double] {
        (0..<rows).flatMap { row in
            normalized(row).values.enumerated().map { index, value in
                value * Double(weight[index]) + Double(bias[index])
            }
        }
    }

    /// The input's by the whole Jacobian: ∂n_j / ∂x_i = s (δ_ij − 1/width − n_i n_j / width).
    func naiveBackward() -> (input: [Double], weight: [Double], bias: [Double]) {
        var inputGradient = [Double](repeating: 0, count: rows * width)
        var weightGradient = [Double](repeating: 0, count: width)
        var biasGradient = weightGradient
        for row in 0..<rows {
            let (n, scale) = normalized(row)
            for j in 0..<width {
                let change = Double(change[row * width + j])
                weightGradient[j] += change * n[j]
                biasGradient[j] += change
                for i in 0..<width {
                    inputGradient[row * width + i] +=
                        change * Double(weight[j]) * scale
                        * ((i == j ? 1 : 0) - (1 + n[i] * n[j]) / Double(width))
                }
            }
        }
        return (inputGradient, weightGradient, biasGradient)
    }
}
