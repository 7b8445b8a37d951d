import Formats
import Foundation
import Testing
import Transformer

/// The gated delta rule against plain loops in Double and central differences.
@Suite struct KernelDeltaRuleTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let lengths: [Int]
        let shape: DeltaRuleShape
        var testDescription: String {
            "\(lengths) rows, \(shape.keyHeads)/\(shape.valueHeads) heads of \(shape.keySize) and "
                + "\(shape.valueSize), \(shape.sharing)"
        }

        init(
            _ lengths: [Int], heads: (Int, Int) = (2, 4), sizes: (Int, Int) = (8, 8),
            _ sharing: DeltaRuleShape.Sharing = .neighbours
        ) {
            self.lengths = lengths
            shape = DeltaRuleShape(
                keyHeads: heads.0, valueHeads: heads.1, keySize: sizes.0, valueSize: sizes.1,
                sharing: sharing)
        }
    }

    static let cases = [
        Case([1]), Case([5, 0, 11], .rests), Case([70], sizes: (5, 7)),
        Case([3, 40], heads: (1, 3), sizes: (16, 33)), Case([2], heads: (3, 3), sizes: (1, 1)),
        Case([33, 64], heads: (2, 6), sizes: (4, 64), .rests),
        Case([9], heads: (2, 2), sizes: (31, 32)),
        Case([100], heads: (1, 1), sizes: (128, 128)),
    ]

    /// The bound: f32 sums over a key's width and some rows, relative to the largest output.
    @Test(arguments: cases) func forwardAgreesWithTheNaiveTwin(_ example: Case) {
        let inputs = DeltaRuleExample(example)
        let (output, states) = inputs.forward(crew: WorkCrew(threads: 1))
        let naive = inputs.naive()
        #expect(relativeDifference(output, naive.output) < 4e-6)
        #expect(relativeDifference(states, naive.states) < 4e-6)
    }

    @Test(arguments: cases) func backwardAgreesWithDifferencesOfTheNaiveTwin(_ example: Case) {
        guard example.lengths.reduce(0, +) * example.shape.stateCount < 6_000 else { return }
        let inputs = DeltaRuleExample(example)
        let found = inputs.backward(crew: WorkCrew(threads: 1))
        for (name, gradient, part) in [
            ("query", found.query, \DeltaRuleExample.query), ("key", found.key, \.key),
            ("value", found.value, \.value), ("decay", found.decay, \.decay),
            ("strength", found.strength, \.strength),
        ] {
            let differences = centralDifferences(of: inputs[keyPath: part], step: 0x1p-10) {
                var moved = inputs
                moved[keyPath: part] = $0
                return zip(moved.naive(fromZeros: true).output, inputs.change)
                    .reduce(0) { $0 + $1.0 * Double($1.1) }
            }
            // The gradient of the decay of states of zeros is exactly 0.
            let largest = max(differences.map(abs).max() ?? 0, 0.1)
            #expect(largestDifference(gradient, differences) < 2e-5 * largest, "\(name)")
        }
    }

    @Test(arguments: cases) func bitsAreEqualForEveryCrew(_ example: Case) {
        let inputs = DeltaRuleExample(example)
        let outputs = [1, 2, 3].map { inputs.forward(crew: WorkCrew(threads: $0)) }
        let gradients = [1, 2, 3].map { inputs.backward(crew: WorkCrew(threads: $0)) }
        for index in 1...2 {
            #expect(outputs[index].output.map(\.bitPattern) == outputs[0].output.map(\.bitPattern))
            #expect(outputs[index].states.map(\.bitPattern) == outputs[0].states.map(\.bitPattern))
            #expect(gradients[index].bits == gradients[0].bits)
        }
    }

    /// A state that is taken up again goes on with the bits of an unbroken run.
    @Test(arguments: [1, 2, 17, 39]) func aSequenceMayBeCut(at cut: Int) {
        let inputs = DeltaRuleExample(Case([40], sizes: (12, 40), .rests))
        let whole = inputs.forward(crew: WorkCrew(threads: 1))
        let pieces = inputs.forward(crew: WorkCrew(threads: 1), cuts: [0..<cut, cut..<40])
        #expect(pieces.output.map(\.bitPattern) == whole.output.map(\.bitPattern))
        #expect(pieces.states.map(\.bitPattern) == whole.states.map(\.bitPattern))
    }
}

/// A rule's inputs, queries and keys in rows of one matrix, values in wider rows.
private struct DeltaRuleExample {
    let shape: DeltaRuleShape
    let sequences: [Range<Int>]
    var query: [Float]
    var key: [Float]
    var value: [Float]
    var decay: [Float]
    var strength: [Float]
    let states: [Float]
    let change: [Float]

    private static let padding = 3

    var rows: Int { sequences.last?.upperBound ?? 0 }

    init(_ example: KernelDeltaRuleTests.Case) {
        shape = example.shape
        var (sequences, first): ([Range<Int>], Int) = ([], 0)
        for length in example.lengths {
            sequences.append(first..<first + length)
            first += length
        }
        self.sequences = sequences
        let (keyWidth, keySize) = (example.shape.keyWidth, example.shape.keySize)
        func unit(_ seed: UInt64) -> [Float] {
            randomFloats(first * keyWidth, seed: seed).map { $0 / Float(keySize).squareRoot() }
        }
        query = unit(1)
        key = unit(2)
        value = randomFloats(first * shape.valueWidth, seed: 3)
        decay = randomFloats(first * shape.valueHeads, seed: 4).map { 0.75 + $0 / 4 }
        strength = randomFloats(first * shape.valueHeads, seed: 5).map { 0.5 + $0 / 2 }
        states = randomFloats(sequences.count * shape.stateCount, seed: 6)
        change = randomFloats(first * shape.valueWidth, seed: 7)
    }

    struct Gradients {
        var query: [Float]
        var key: [Float]
        var value: [Float]
        var decay: [Float]
        var strength: [Float]

        var bits: [UInt32] { (query + key + value + decay + strength).map(\.bitPattern) }
    }

    /// Values in rows with room behind them, as a wider matrix has them.
    private var wideValues: [Float] {
        (0..<rows).flatMap { row in
            value[row * shape.valueWidth..<(row + 1) * shape.valueWidth]
                + [Float](repeating: .nan, count: Self.padding)
        }
    }

    /// Calls the body with the inputs in memory that kernels read.
    private func withInputs(_ body: (DeltaRuleInputs) -> Void) {
        let memory = [query, key, wideValues, decay, strength].map { FloatBuffer($0) }
        withExtendedLifetime(memory) {
            body(
                DeltaRuleInputs(
                    query: memory[0].floats, key: memory[1].floats, keyStride: shape.keyWidth,
                    value: memory[2].floats, valueStride: shape.valueWidth + Self.padding,
                    decay: memory[3].floats, strength: memory[4].floats))
        }
    }

    /// - Parameter cuts: pieces of the only sequence, each run by a call of its own.
    func forward(
        crew: WorkCrew, cuts: [Range<Int>]? = nil
    ) -> (output: [Float], states: [Float]) {
        let output = Self.room(rows * shape.valueWidth)
        let states = FloatBuffer(states)
        withInputs { inputs in
            for call in cuts.map({ $0.map { [$0] } }) ?? [sequences] {
                deltaRuleForward(
                    output.floats, inputs, shape: shape,
                    sequences: call.enumerated().map { index, rows in
                        let own = states.floats + index * shape.stateCount
                        return DeltaRuleSequence(rows: rows, before: own, after: own)
                    }, crew: crew)
            }
        }
        return (output.values, states.values)
    }

    func backward(crew: WorkCrew) -> Gradients {
        let room = [query, key, value, decay, strength].map { Self.room($0.count) }
        let change = FloatBuffer(change)
        withInputs { inputs in
            deltaRuleBackward(
                DeltaRuleGradients(
                    query: room[0].floats, key: room[1].floats, keyStride: shape.keyWidth,
                    value: room[2].floats, valueStride: shape.valueWidth, decay: room[3].floats,
                    strength: room[4].floats),
                outputGradient: change.floats, inputs, shape: shape, sequences: sequences,
                crew: crew)
        }
        let found = room.map(\.values)
        return Gradients(
            query: found[0], key: found[1], value: found[2], decay: found[3], strength: found[4])
    }

    /// Memory that a kernel must overwrite.
    private static func room(_ count: Int) -> FloatBuffer {
        FloatBuffer([Float](repeating: .nan, count: count))
    }

    /// The rule as it is written, in Double.
    func naive(fromZeros: Bool = false) -> (output: [Double], states: [Double]) {
        var output = [Double](repeating: 0, count: rows * shape.valueWidth)
        var states =
            fromZeros ? [Double](repeating: 0, count: states.count) : states.map(Double.init)
        let (keySize, valueSize) = (shape.keySize, shape.valueSize)
        for (index, sequence) in sequences.enumerated() {
            for row in sequence {
                for head in 0..<shape.valueHeads {
                    let keyHead =
                        shape.sharing == .neighbours
                        ? head / (shape.valueHeads / shape.keyHeads) : head % shape.keyHeads
                    let first = (index * shape.valueHeads + head) * keySize * valueSize
                    let keyPlace = (row * shape.keyHeads + keyHead) * keySize
                    let q = query[keyPlace..<keyPlace + keySize].map { Double($0) }
                    let k = key[keyPlace..<keyPlace + keySize].map { Double($0) }
                    let scale = row * shape.valueHeads + head
                    for column in 0..<valueSize {
                        let place = (row * shape.valueHeads + head) * valueSize + column
                        var line: [Double] = (0..<keySize).map {
                            states[first + $0 * valueSize + column] * Double(decay[scale])
                        }
                        let held = zip(line, k).reduce(0.0) { $0 + $1.0 * $1.1 }
                        let change = Double(strength[scale]) * (Double(value[place]) - held)
                        for index in 0..<keySize {
                            line[index] += k[index] * change
                            states[first + index * valueSize + column] = line[index]
                        }
                        output[place] = zip(line, q).reduce(0.0) { $0 + $1.0 * $1.1 }
                    }
                }
            }
        }
        return (output, states)
    }
}
