import Formats
import Foundation
import Testing
import Transformer

@Suite struct KernelBackwardAttentionTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let lengths: [Int]
        let shape: AttentionShape
        var testDescription: String {
            "\(lengths) tokens, \(shape.heads)/\(shape.keyValueHeads) heads of \(shape.headSize), "
                + "window \(shape.window ?? 0), cap \(shape.scoreCap ?? 0)"
        }

        init(
            _ lengths: [Int], heads: (Int, Int) = (4, 2), size: Int = 16, window: Int? = nil,
            cap: Float? = nil
        ) {
            self.lengths = lengths
            shape = AttentionShape(
                heads: heads.0, keyValueHeads: heads.1, headSize: size, scale: 0.3, window: window,
                scoreCap: cap)
        }
    }

    static let cases = [
        Case([1]), Case([2, 1]), Case([5, 11, 3]), Case([31, 33, 64, 65]), Case([70], size: 7),
        Case([64, 0, 40], heads: (9, 3), size: 64), Case([129], heads: (3, 1), size: 33),
        Case([40, 300], heads: (2, 2), window: 1), Case([300], window: 17),
        Case([290, 257], window: 270), Case([600], heads: (2, 1), size: 5),
        Case([50], window: 5_000),
        Case([5, 11, 3], cap: 0.5), Case([290, 257], window: 270, cap: 1), Case([300], cap: 0.3),
        Case([64, 40], heads: (9, 3), size: 64, window: 9, cap: 50),
    ]

    /// The bound: f32 sums over some hundred keys, relative to the largest gradient.
    @Test(arguments: cases) func agreesWithTheNaiveTwin(_ example: Case) {
        let inputs = Inputs(example)
        let found = inputs.backward(crew: WorkCrew(threads: 1))
        let naive = inputs.naiveBackward()
        for (name, found, exact) in [
            ("query", found.query, naive.query), ("keys", found.keys, naive.keys),
            ("values", found.values, naive.values),
        ] {
            // The gradient of the scores of a token that sees one key alone is exactly 0.
            let largest = max(exact.map(abs).max() ?? 0, 0.1)
            #expect(largestDifference(found, exact) < 4e-6 * largest, "\(name)")
        }
    }

    /// Step 2⁻⁶: curvature and the rounding of f32 both stay below a thousandth of the largest gradient.
    @Test(arguments: [
        Case([4, 6], size: 6), Case([9], heads: (3, 3), size: 4, window: 3),
        Case([36], heads: (2, 1), size: 2), Case([4, 6], size: 6, cap: 0.4),
        Case([36], heads: (2, 1), size: 2, window: 5, cap: 0.2),
    ])
    func agreesWithCentralDifferences(_ example: Case) {
        let inputs = Inputs(example)
        let found = inputs.backward(crew: WorkCrew(threads: 1))
        func differences(_ part: WritableKeyPath<Inputs, [Float]>) -> [Double] {
            centralDifferences(of: inputs[keyPath: part], step: 0x1p-6) { values in
                var moved = inputs
                moved[keyPath: part] = values
                return weightedSum(moved.forward(crew: WorkCrew(threads: 1)), inputs.change)
            }
        }
        #expect(relativeDifference(found.query, differences(\.query)) < 1e-3)
        #expect(relativeDifference(found.keys, differences(\.keys)) < 1e-3)
        #expect(relativeDifference(found.values, differences(\.values)) < 1e-3)
    }

    @Test(arguments: cases) func bitsAreEqualForEveryCrew(_ example: Case) {
        let inputs = Inputs(example)
        let found = [1, 2, 3].map { inputs.backward(crew: WorkCrew(threads: $0)) }
        for other in found[1...] {
            #expect(other.query.map(\.bitPattern) == found[0].query.map(\.bitPattern))
            #expect(other.keys.map(\.bitPattern) == found[0].keys.map(\.bitPattern))
            #expect(other.values.map(\.bitPattern) == found[0].values.map(\.bitPattern))
        }
    }

    /// The forward over packed sequences has the bits of one call for each.
    @Test(arguments: cases) func packedSequencesAreComputedAsIfAlone(_ example: Case) {
        let inputs = Inputs(example)
        let shape = example.shape
        var alone: [Float] = []
        for rows in inputs.sequences {
            func part(_ values: [Float], _ width: Int) -> [Float] {
                Array(values[rows.lowerBound * width..<rows.upperBound * width])
            }
            let keyWidth = shape.keyValueHeads * shape.headSize
            let query = part(inputs.query, shape.heads * shape.headSize)
            var output = query
            attentionForward(
                &output, query: query, keys: part(inputs.keys, keyWidth),
                values: part(inputs.values, keyWidth), shape: shape, tokens: rows.count,
                positions: rows.count, crew: WorkCrew(threads: 1))
            alone += output
        }
        for threads in 1...2 {
            let packed = inputs.forward(crew: WorkCrew(threads: threads))
            #expect(packed.map(\.bitPattern) == alone.map(\.bitPattern))
        }
    }
}

private struct Inputs {
    let shape: AttentionShape
    let sequences: [Range<Int>]
    var query: [Float]
    var keys: [Float]
    var values: [Float]
    let change: [Float]

    init(_ example: KernelBackwardAttentionTests.Case) {
        shape = example.shape
        var (sequences, rows): ([Range<Int>], Int) = ([], 0)
        for length in example.lengths {
            sequences.append(rows..<rows + length)
            rows += length
        }
        self.sequences = sequences
        query = randomFloats(rows * shape.heads * shape.headSize, seed: 1)
        keys = randomFloats(rows * shape.keyValueHeads * shape.headSize, seed: 2)
        values = randomFloats(rows * shape.keyValueHeads * shape.headSize, seed: 3)
        change = randomFloats(rows * shape.heads * shape.headSize, seed: 4)
    }

    func forward(crew: WorkCrew) -> [Float] {
        var output = [Float](repeating: .nan, count: query.count)
        attentionForward(
            &output, query: query, keys: keys, values: values, shape: shape, sequences: sequences,
            crew: crew)
        return output
    }

    func backward(crew: WorkCrew) -> (query: [Float], keys: [Float], values: [Float]) {
        let output = forward(crew: crew)
        var queryGradient = [Float](repeating: .nan, count: query.count)
        var keyGradient = [Float](repeating: .nan, count: keys.count)
        var valueGradient = [Float](repeating: .nan, count: values.count)
        attentionBackward(
            &queryGradient, keyGradient: &keyGradient, valueGradient: &valueGradient,
            outputGradient: change, query: query, keys: keys, values: values, output: output,
            shape: shape, sequences: sequences, crew: crew)
        return (queryGradient, keyGradient, valueGradient)
    }

    /// Row by row: probabilities, then the gradient of softmax by its whole Jacobian.
    func naiveBackward() -> (query: [Double], keys: [Double], values: [Double]) {
        var queryGradient = [Double](repeating: 0, count: query.count)
        var keyGradient = [Double](repeating: 0, count: keys.count)
        var valueGradient = [Double](repeating: 0, count: values.count)
        let size = shape.headSize
        func dot(_ a: [Float], _ first: Int, _ b: [Float], _ second: Int) -> Double {
            (0..<size).reduce(0) { $0 + Double(a[first + $1]) * Double(b[second + $1]) }
        }
        for rows in sequences {
            for row in rows {
                let seen = rows.filter { $0 <= row && row - $0 < shape.window ?? Int.max }
                for head in 0..<shape.heads {
                    let own = (row * shape.heads + head) * size
                    let group = head / (shape.heads / shape.keyValueHeads)
                    let places = seen.map { ($0 * shape.keyValueHeads + group) * size }
                    let free = places.map { dot(query, own, keys, $0) * Double(shape.scale) }
                    let tanhs = free.map { score in
                        shape.scoreCap.map { tanh(score / Double($0)) } ?? 0
                    }
                    let scores =
                        shape.scoreCap.map { cap in tanhs.map { $0 * Double(cap) } } ?? free
                    let powers = scores.map { exp($0 - (scores.max() ?? 0)) }
                    let shares = powers.map { $0 / powers.reduce(0, +) }
                    let changes = places.map { dot(change, own, values, $0) }
                    let mean = zip(shares, changes).reduce(0) { $0 + $1.0 * $1.1 }
                    for (index, place) in places.enumerated() {
                        let slope =
                            shares[index] * (changes[index] - mean) * Double(shape.scale)
                            * (1 - tanhs[index] * tanhs[index])
                        for lane in 0..<size {
                            valueGradient[place + lane] +=
                                shares[index] * Double(change[own + lane])
                            queryGradient[own + lane] += slope * Double(keys[place + lane])
                            keyGradient[place + lane] += slope * Double(query[own + lane])
                        }
                    }
                }
            }
        }
        return (queryGradient, keyGradient, valueGradient)
    }
}
