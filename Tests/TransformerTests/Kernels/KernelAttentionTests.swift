import Formats
import Foundation
import Testing
import Transformer

@Suite struct KernelAttentionTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let tokens: Int
        let positions: Int
        let shape: AttentionShape
        var testDescription: String {
            "\(tokens) of \(positions), \(shape.heads)/\(shape.keyValueHeads) heads of \(shape.headSize), "
                + "window \(shape.window ?? 0), cap \(shape.scoreCap ?? 0)"
        }

        init(
            _ tokens: Int, _ positions: Int, heads: (Int, Int) = (4, 2), size: Int = 16,
            window: Int? = nil, cap: Float? = nil
        ) {
            self.tokens = tokens
            self.positions = positions
            shape = AttentionShape(
                heads: heads.0, keyValueHeads: heads.1, headSize: size, scale: 0.3, window: window,
                scoreCap: cap)
        }
    }

    static let cases = [
        Case(1, 1), Case(1, 2), Case(1, 300), Case(1, 1_025, heads: (9, 3), size: 64), Case(4, 9),
        Case(3, 700, window: 100), Case(5, 5), Case(31, 31), Case(33, 33), Case(33, 600),
        Case(70, 70, size: 7),
        Case(129, 400, heads: (3, 1), size: 33), Case(40, 300, heads: (2, 2), window: 1),
        Case(40, 300, window: 17), Case(64, 700, window: 300), Case(17, 700, window: 5_000),
        Case(1, 300, cap: 0.5), Case(3, 700, window: 100, cap: 2), Case(33, 600, cap: 0.3),
        Case(31, 31, heads: (9, 3), size: 64, cap: 50), Case(40, 300, size: 7, window: 17, cap: 1),
    ]

    @Test(arguments: cases) func agreesWithTheNaiveTwin(_ example: Case) {
        let inputs = Inputs(example)
        let output = inputs.attend(crew: WorkCrew(threads: 1))
        #expect(largestDifference(output, inputs.naive()) < 2e-6)
    }

    @Test(arguments: cases) func bitsAreEqualForEveryCrew(_ example: Case) {
        let inputs = Inputs(example)
        let outputs = [1, 2, 3].map { inputs.attend(crew: WorkCrew(threads: $0)).map(\.bitPattern) }
        #expect(outputs[0] == outputs[1] && outputs[0] == outputs[2])
    }

    @Test func largeScoresDoNotOverflow() {
        var inputs = Inputs(Case(40, 600))
        inputs.query = inputs.query.map { $0 * 1e4 }
        #expect(largestDifference(inputs.attend(crew: WorkCrew(threads: 1)), inputs.naive()) < 1e-2)
    }

    /// What a cap far above every score does is less than what f32 tells apart.
    @Test func aHighCapChangesNothing() {
        for (tokens, positions) in [(1, 300), (40, 300)] {
            let free = Inputs(Case(tokens, positions))
            let capped = Inputs(Case(tokens, positions, cap: 1e5))
            let crew = WorkCrew(threads: 1)
            let difference = largestDifference(
                capped.attend(crew: crew), free.attend(crew: crew).map(Double.init))
            #expect(difference < 1e-6)
        }
    }

    @Test func noTokensLeaveTheOutputAlone() {
        let inputs = Inputs(Case(0, 3))
        #expect(inputs.attend(crew: WorkCrew(threads: 2)).isEmpty)
    }

    private struct Inputs {
        let example: Case
        var query: [Float]
        let keys: [Float]
        let values: [Float]

        init(_ example: Case) {
            let shape = example.shape
            self.example = example
            query = randomFloats(example.tokens * shape.heads * shape.headSize, seed: 1)
            keys = randomFloats(example.positions * shape.keyValueHeads * shape.headSize, seed: 2)
            values = randomFloats(example.positions * shape.keyValueHeads * shape.headSize, seed: 3)
        }

        func attend(crew: WorkCrew) -> [Float] {
            var output = [Float](repeating: .nan, count: query.count)
            attentionForward(
                &output, query: query, keys: keys, values: values, shape: example.shape,
                tokens: example.tokens,
                positions: example.positions, crew: crew)
            return output
        }

        func naive() -> [Double] {
            let shape = example.shape
            let size = shape.headSize
            var output: [Double] = []
            for token in 0..<example.tokens {
                let position = example.positions - example.tokens + token
                for head in 0..<shape.heads {
                    let q = query[
                        (token * shape.heads + head) * size..<(token * shape.heads + head + 1)
                            * size]
                    let seen = (0...position).filter { position - $0 < shape.window ?? Int.max }
                    func row(_ table: [Float], _ position: Int) -> ArraySlice<Float> {
                        let group = head / (shape.heads / shape.keyValueHeads)
                        let start = (position * shape.keyValueHeads + group) * size
                        return table[start..<start + size]
                    }
                    let scores = seen.map { key in
                        zip(q, row(keys, key)).reduce(0) { $0 + Double($1.0) * Double($1.1) }
                            * Double(shape.scale)
                    }.map { score in
                        shape.scoreCap.map { Double($0) * tanh(score / Double($0)) } ?? score
                    }
                    let most = scores.max() ?? 0
                    let powers = scores.map { exp($0 - most) }
                    let sum = powers.reduce(0, +)
                    var result = [Double](repeating: 0, count: size)
                    for (key, power) in zip(seen, powers) {
                        for (index, value) in row(values, key).enumerated() {
                            result[index] += power / sum * Double(value)
                        }
                    }
                    output += result
                }
            }
            return output
        }
    }
}
