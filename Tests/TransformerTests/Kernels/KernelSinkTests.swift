import Formats
import Foundation
import Testing
import Transformer

/// Sinks of attention against plain loops in Double and central differences.
@Suite struct KernelSinkTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let lengths: [Int]
        let shape: AttentionShape
        var testDescription: String {
            "\(lengths) tokens, \(shape.heads)/\(shape.keyValueHeads) heads of \(shape.headSize), "
                + "window \(shape.window ?? 0)"
        }

        init(
            _ lengths: [Int], heads: (Int, Int) = (4, 2), size: Int = 16, window: Int? = nil
        ) {
            self.lengths = lengths
            shape = AttentionShape(
                heads: heads.0, keyValueHeads: heads.1, headSize: size, scale: 0.3, window: window)
        }
    }

    static let cases = [
        Case([1]), Case([3, 1]), Case([5, 11, 3], window: 4), Case([33, 64, 7]),
        Case([40, 300], heads: (2, 2), size: 7, window: 1), Case([290, 257], window: 270),
    ]

    @Test(arguments: cases) func agreesWithTheNaiveTwin(_ example: Case) {
        let inputs = Inputs(example)
        #expect(largestDifference(inputs.forward(), inputs.naive()) < 2e-6)
    }

    /// The last tokens of a text, whose keys are all there.
    @Test(arguments: [1, 3, 20]) func continuedTextsAgreeWithWholeOnes(tokens: Int) {
        let inputs = Inputs(Case([300], window: 270))
        let width = inputs.query.count / 300
        let first = (300 - tokens) * width
        var output = [Float](repeating: .nan, count: tokens * width)
        attentionForward(
            &output, query: Array(inputs.query[first...]), keys: inputs.keys,
            values: inputs.values, shape: inputs.example.shape, tokens: tokens, positions: 300,
            sinks: inputs.sinks, crew: WorkCrew(threads: 2))
        #expect(largestDifference(output, Array(inputs.naive()[first...])) < 2e-6)
    }

    /// Scores far above or below the sink, and a sink that is no number of this world.
    @Test func extremesDoNotOverflow() {
        var inputs = Inputs(Case([40]))
        inputs.query = inputs.query.map { $0 * 1e4 }
        #expect(largestDifference(inputs.forward(), inputs.naive()) < 1e-2)
        inputs = Inputs(Case([40]))
        inputs.sinks = inputs.sinks.map { _ in -1e30 }
        #expect(largestDifference(inputs.forward(), inputs.naive()) < 2e-6)
        inputs.sinks = inputs.sinks.map { _ in 1e30 }
        #expect(inputs.forward().allSatisfy { $0 == 0 })
    }

    /// Step 2⁻⁶.
    @Test(arguments: [
        Case([4, 6], size: 6), Case([9], heads: (3, 3), size: 4, window: 3),
        Case([36], heads: (2, 1), size: 2),
    ])
    func gradientsAgreeWithCentralDifferences(_ example: Case) {
        let inputs = Inputs(example)
        let found = inputs.backward(crew: WorkCrew(threads: 1))
        func differences(_ part: WritableKeyPath<Inputs, [Float]>) -> [Double] {
            centralDifferences(of: inputs[keyPath: part], step: 0x1p-6) { values in
                var moved = inputs
                moved[keyPath: part] = values
                return weightedSum(moved.forward(), inputs.change)
            }
        }
        #expect(relativeDifference(found.query, differences(\.query)) < 1e-3)
        #expect(relativeDifference(found.keys, differences(\.keys)) < 1e-3)
        #expect(relativeDifference(found.values, differences(\.values)) < 1e-3)
        #expect(relativeDifference(found.sinks, differences(\.sinks)) < 1e-3)
    }

    /// −Σ share · (output · its gradient), in plain loops.
    @Test(arguments: cases) func sinkGradientsAgreeWithTheNaiveTwin(_ example: Case) {
        let inputs = Inputs(example)
        let found = inputs.backward(crew: WorkCrew(threads: 2)).sinks
        let exact = inputs.naiveSinkGradient()
        let largest = max(exact.map(abs).max() ?? 0, 0.1)
        #expect(largestDifference(found, exact) < 4e-6 * largest)
    }

    @Test(arguments: cases) func bitsAreEqualForEveryCrew(_ example: Case) {
        let inputs = Inputs(example)
        let found = [1, 2, 3].map { inputs.backward(crew: WorkCrew(threads: $0)) }
        for other in found[1...] {
            #expect(other.query == found[0].query && other.sinks == found[0].sinks)
        }
    }

    private struct Inputs {
        let example: Case
        var query: [Float]
        var keys: [Float]
        var values: [Float]
        var sinks: [Float]
        let change: [Float]

        init(_ example: Case) {
            self.example = example
            let (shape, rows) = (example.shape, example.lengths.reduce(0, +))
            query = randomFloats(rows * shape.heads * shape.headSize, seed: 1)
            keys = randomFloats(rows * shape.keyValueHeads * shape.headSize, seed: 2)
            values = randomFloats(rows * shape.keyValueHeads * shape.headSize, seed: 3)
            sinks = randomFloats(shape.heads, seed: 4).map { $0 * 3 }
            change = randomFloats(rows * shape.heads * shape.headSize, seed: 5)
        }

        var sequences: [Range<Int>] {
            var first = 0
            return example.lengths.map { length in
                defer { first += length }
                return first..<first + length
            }
        }

        func forward() -> [Float] {
            var output = [Float](repeating: .nan, count: query.count)
            attentionForward(
                &output, query: query, keys: keys, values: values, shape: example.shape,
                sequences: sequences, sinks: sinks, crew: WorkCrew(threads: 1))
            return output
        }

        func backward(
            crew: WorkCrew
        ) -> (query: [Float], keys: [Float], values: [Float], sinks: [Float]) {
            var found = (
                query: query, keys: keys, values: values,
                sinks: [Float](repeating: 0, count: sinks.count)
            )
            attentionBackward(
                &found.query, keyGradient: &found.keys, valueGradient: &found.values,
                outputGradient: change, query: query, keys: keys, values: values,
                output: forward(), shape: example.shape, sequences: sequences, sinks: sinks,
                sinkGradient: &found.sinks, crew: crew)
            return found
        }

        /// (rows, heads, head size), and the share of each row's sink, (rows, heads).
        private func attended() -> (output: [Double], sinkShares: [Double]) {
            let shape = example.shape
            let (size, group) = (shape.headSize, shape.heads / shape.keyValueHeads)
            var output = [Double](repeating: 0, count: query.count)
            var shares = [Double](repeating: 0, count: query.count / size)
            for rows in sequences {
                for row in rows {
                    for head in 0..<shape.heads {
                        let first = max(rows.lowerBound, row + 1 - (shape.window ?? row + 1))
                        let q = (row * shape.heads + head) * size
                        func place(_ key: Int) -> Int {
                            (key * shape.keyValueHeads + head / group) * size
                        }
                        let scores = (first...row).map { key in
                            (0..<size).reduce(0.0) {
                                $0 + Double(query[q + $1]) * Double(keys[place(key) + $1])
                            } * Double(shape.scale)
                        }
                        let sink = Double(sinks[head])
                        let most = max(scores.max() ?? sink, sink)
                        let sum = scores.reduce(exp(sink - most)) { $0 + exp($1 - most) }
                        shares[row * shape.heads + head] = exp(sink - most) / sum
                        for (key, score) in zip(first...row, scores) {
                            for index in 0..<size {
                                output[q + index] +=
                                    exp(score - most) / sum * Double(values[place(key) + index])
                            }
                        }
                    }
                }
            }
            return (output, shares)
        }

        func naive() -> [Double] { attended().output }

        func naiveSinkGradient() -> [Double] {
            let (output, shares) = attended()
            let (size, heads) = (example.shape.headSize, example.shape.heads)
            var gradient = [Double](repeating: 0, count: heads)
            for (place, share) in shares.enumerated() {
                let pull = (0..<size).reduce(0.0) {
                    $0 + Double(change[place * size + $1]) * output[place * size + $1]
                }
                gradient[place % heads] -= share * pull
            }
            return gradient
        }
    }
}
