import Formats
import Testing
import Transformer

@Suite struct KernelConvolutionTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let lengths: [Int]
        let shape: ConvolutionShape
        let hasBias: Bool
        var testDescription: String {
            "\(lengths) tokens, \(shape.channels) channels, \(shape.taps) taps, bias \(hasBias)"
        }

        init(_ lengths: [Int], channels: Int = 16, taps: Int = 3, bias: Bool = false) {
            self.lengths = lengths
            shape = ConvolutionShape(channels: channels, taps: taps)
            hasBias = bias
        }
    }

    static let cases = [
        Case([1]), Case([2, 1], taps: 4), Case([5, 11, 3], channels: 7, bias: true),
        Case([16, 17, 33], channels: 33, taps: 4), Case([40], channels: 300, taps: 1),
        Case([3, 0, 40], channels: 129, taps: 7, bias: true), Case([2, 3], channels: 1, taps: 9),
    ]

    /// The bound: f32 sums of a handful of products below 1 each.
    @Test(arguments: cases) func agreesWithTheNaiveTwin(_ example: Case) {
        let inputs = Inputs(example)
        #expect(largestDifference(inputs.forward(threads: 1), inputs.naive()) < 1e-6)
    }

    /// The bound: f32 sums over the rows, relative to the largest gradient.
    @Test(arguments: cases) func gradientsAgreeWithTheNaiveTwin(_ example: Case) {
        let inputs = Inputs(example)
        let found = inputs.backward(threads: 1)
        let naive = inputs.naiveBackward()
        #expect(relativeDifference(found.input, naive.input) < 1e-6)
        #expect(relativeDifference(found.weight, naive.weight) < 2e-6)
    }

    /// The map is linear, so a large step is exact but for rounding.
    @Test(arguments: [
        Case([4, 6], channels: 3), Case([9], channels: 2, taps: 4, bias: true),
    ])
    func gradientsAgreeWithDifferences(_ example: Case) {
        let inputs = Inputs(example)
        let found = inputs.backward(threads: 1)
        func differences(_ part: WritableKeyPath<Inputs, [Float]>) -> [Double] {
            centralDifferences(of: inputs[keyPath: part], step: 0.5) { values in
                var moved = inputs
                moved[keyPath: part] = values
                return weightedSum(moved.forward(threads: 1), inputs.change)
            }
        }
        #expect(relativeDifference(found.input, differences(\.input)) < 1e-5)
        #expect(relativeDifference(found.weight, differences(\.weight)) < 1e-5)
    }

    @Test(arguments: cases) func bitsAreEqualForEveryCrew(_ example: Case) {
        let inputs = Inputs(example)
        let (output, gradients) = (inputs.forward(threads: 1), inputs.backward(threads: 1))
        for threads in 2...3 {
            #expect(inputs.forward(threads: threads) == output)
            let others = inputs.backward(threads: threads)
            #expect(others.input == gradients.input && others.weight == gradients.weight)
        }
    }

    /// A text that is continued anywhere has the bits of the whole.
    @Test(arguments: 1...6) func textsCanBeContinued(taps: Int) {
        let inputs = Inputs(Case([21], channels: 11, taps: taps, bias: true))
        let whole = inputs.forward(threads: 1)
        for cut in 0...21 {
            #expect(inputs.end(from: cut) == Array(whole[(cut * 11)...]), "from \(cut)")
        }
    }

    /// Gradients of the weight are added, those of the input written.
    @Test func gradientsOfTheWeightAccumulate() {
        let inputs = Inputs(Case([5, 2]))
        let once = inputs.backward(threads: 1)
        let twice = inputs.backward(threads: 1, weight: once.weight)
        #expect(twice.weight == once.weight.map { 2 * $0 } && twice.input == once.input)
    }
}

private struct Inputs {
    let shape: ConvolutionShape
    let sequences: [Range<Int>]
    var input: [Float]
    var weight: [Float]
    let bias: [Float]?
    let change: [Float]

    init(_ example: KernelConvolutionTests.Case) {
        shape = example.shape
        var (sequences, rows): ([Range<Int>], Int) = ([], 0)
        for length in example.lengths {
            sequences.append(rows..<rows + length)
            rows += length
        }
        self.sequences = sequences
        input = randomFloats(rows * shape.channels, seed: 1)
        weight = randomFloats(shape.channels * shape.taps, seed: 2)
        bias = example.hasBias ? randomFloats(shape.channels, seed: 3) : nil
        change = randomFloats(rows * shape.channels, seed: 4)
    }

    func forward(threads: Int) -> [Float] {
        var output = [Float](repeating: .nan, count: input.count)
        withBias { bias in
            causalConvolutionForward(
                &output, input: input, weight: weight, bias: bias, shape: shape,
                sequences: sequences, crew: WorkCrew(threads: threads))
        }
        return output
    }

    /// The outputs of the tokens from a position on.
    func end(from position: Int) -> [Float] {
        let positions = input.count / shape.channels
        var output = [Float](repeating: .nan, count: (positions - position) * shape.channels)
        withBias { bias in
            causalConvolutionForward(
                &output, input: input, weight: weight, bias: bias, shape: shape,
                tokens: positions - position, positions: positions, crew: WorkCrew(threads: 2))
        }
        return output
    }

    private func withBias(_ body: (UnsafePointer<Float>?) -> Void) {
        guard let bias else { return body(nil) }
        bias.withUnsafeBufferPointer { body($0.baseAddress) }
    }

    func backward(
        threads: Int, weight earlier: [Float]? = nil
    ) -> (input: [Float], weight: [Float]) {
        var inputGradient = [Float](repeating: .nan, count: input.count)
        var weightGradient = earlier ?? [Float](repeating: 0, count: weight.count)
        causalConvolutionBackward(
            &inputGradient, weightGradient: &weightGradient, outputGradient: change, input: input,
            weight: weight, shape: shape, sequences: sequences, crew: WorkCrew(threads: threads))
        return (inputGradient, weightGradient)
    }

    /// Every tap of every output: (output, weight, input) indices.
    private func forEachTap(_ body: (Int, Int, Int) -> Void) {
        for rows in sequences {
            for row in rows {
                for channel in 0..<shape.channels {
                    for tap in 0..<shape.taps where row + tap >= rows.lowerBound + shape.taps - 1 {
                        body(
                            row * shape.channels + channel, channel * shape.taps + tap,
                            (row + tap - shape.taps + 1) * shape.channels + channel)
                    }
                }
            }
        }
    }

    func naive() -> [Double] {
        var output = input.indices.map { Double(bias?[$0 % shape.channels] ?? 0) }
        forEachTap { output[$0] += Double(weight[$1]) * Double(input[$2]) }
        return output
    }

    func naiveBackward() -> (input: [Double], weight: [Double]) {
        var inputGradient = [Double](repeating: 0, count: input.count)
        var weightGradient = [Double](repeating: 0, count: weight.count)
        forEachTap { output, tap, source in
            inputGradient[source] += Double(weight[tap]) * Double(change[output])
            weightGradient[tap] += Double(change[output]) * Double(input[source])
        }
        return (inputGradient, weightGradient)
    }
}
