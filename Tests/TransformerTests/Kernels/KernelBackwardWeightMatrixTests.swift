import Formats
import Foundation
import Testing
import Transformer

@Suite struct KernelBackwardWeightMatrixTests {
    static let supported = KernelWeightMatrixTests.supported
    static let awkward = KernelWeightMatrixTests.awkward

    /// The bound: f32 sums of some hundred products, relative to the sum of their magnitudes.
    @Test(arguments: supported) func multipliesLikeTheNaiveTwin(type: ElementType) throws {
        let width = type.elementsPerBlock
        let columns = type.isQuantized ? [width, 2 * width, 3 * width] : Self.awkward
        for (index, columns) in columns.enumerated() {
            let rows = Self.awkward[index % Self.awkward.count] * 3
            let matrix = try TestMatrix(type: type, rows: rows, columns: columns)
            for tokens in [1, 4, 17] {
                let change = randomFloats(tokens * rows, seed: UInt64(tokens))
                for start in [nil, randomFloats(tokens * columns, seed: 9)] {
                    let found = matrix.multiplyBackward(
                        change, tokens: tokens, start: start, crew: WorkCrew(threads: 1))
                    let error = matrix.largestBackwardError(
                        of: found, change, tokens: tokens, start: start)
                    #expect(error < 2e-6, "\(rows) x \(columns), \(tokens) tokens")
                }
            }
        }
    }

    /// More rows than are widened at a time.
    @Test(arguments: [ElementType.q4_1, .q6K, .bf16, .f32])
    func manyChunksMultiply(type: ElementType) throws {
        let matrix = try TestMatrix(type: type, rows: 9_001, columns: 256)
        let change = randomFloats(3 * 9_001, seed: 1)
        let start = randomFloats(3 * 256, seed: 2)
        for start in [nil, start] {
            let found = matrix.multiplyBackward(
                change, tokens: 3, start: start, crew: WorkCrew(threads: 2))
            #expect(matrix.largestBackwardError(of: found, change, tokens: 3, start: start) < 5e-6)
        }
    }

    @Test(arguments: supported) func bitsAreEqualForEveryCrew(type: ElementType) throws {
        let matrix = try TestMatrix(type: type, rows: 2_331, columns: 768)
        for tokens in [1, 6, 70] {
            let change = randomFloats(tokens * 2_331, seed: 7)
            let found = [1, 2, 3].map {
                matrix.multiplyBackward(
                    change, tokens: tokens, start: nil, crew: WorkCrew(threads: $0)
                ).map(\.bitPattern)
            }
            #expect(found[0] == found[1] && found[0] == found[2])
        }
    }

    /// A linear map: differences have no error but rounding, whatever the step.
    @Test func agreesWithCentralDifferences() throws {
        let matrix = try TestMatrix(type: .q8_0, rows: 11, columns: 32)
        let input = randomFloats(6 * 32, seed: 1)
        let change = randomFloats(6 * 11, seed: 2)
        let found = matrix.multiplyBackward(
            change, tokens: 6, start: nil, crew: WorkCrew(threads: 1))
        let differences = centralDifferences(of: input, step: 0.5) {
            weightedSum(matrix.multiply($0, tokens: 6, crew: WorkCrew(threads: 1)), change)
        }
        #expect(relativeDifference(found, differences) < 1e-5)
    }

    @Test(arguments: [(1, 1, 1), (7, 5, 3), (33, 17, 9), (195, 40, 31), (577, 33, 70), (2, 9, 0)])
    func weightGradientAgreesWithTheNaiveTwin(rows: Int, columns: Int, tokens: Int) {
        let start = randomFloats(rows * columns, seed: 3)
        let change = randomFloats(tokens * rows, seed: 4)
        let input = randomFloats(tokens * columns, seed: 5)
        var expected = start.map(Double.init)
        for token in 0..<tokens {
            for row in 0..<rows {
                for column in 0..<columns {
                    expected[row * columns + column] +=
                        Double(change[token * rows + row]) * Double(input[token * columns + column])
                }
            }
        }
        let found = [1, 2, 3].map { threads in
            var gradient = start
            weightGradientBackward(
                &gradient, outputGradient: change, input: input, rows: rows, columns: columns,
                tokens: tokens, crew: WorkCrew(threads: threads))
            return gradient
        }
        #expect(relativeDifference(found[0], expected) < 1e-6)
        #expect(found[0] == found[1] && found[0] == found[2])
    }

    /// Linear in the weights, too.
    @Test func weightGradientAgreesWithCentralDifferences() {
        let weights = randomFloats(7 * 5, seed: 6)
        let input = randomFloats(9 * 5, seed: 7)
        let change = randomFloats(9 * 7, seed: 8)
        var found = [Float](repeating: 0, count: 35)
        weightGradientBackward(
            &found, outputGradient: change, input: input, rows: 7, columns: 5, tokens: 9,
            crew: WorkCrew(threads: 1))
        let differences = centralDifferences(of: weights, step: 0.5) { weights in
            let matrix = WeightMatrix(rows: 7, columns: 5, buffer: FloatBuffer(weights))
            var output = [Float](repeating: .nan, count: 63)
            matrix.multiply(input, tokens: 9, into: &output, crew: WorkCrew(threads: 1))
            return weightedSum(output, change)
        }
        #expect(relativeDifference(found, differences) < 1e-5)
    }

    @Test(arguments: awkward) func biasGradientSumsTheTokens(rows: Int) {
        for tokens in [0, 1, 50] {
            let start = randomFloats(rows, seed: 9)
            let change = randomFloats(tokens * rows, seed: 10)
            let expected = (0..<rows).map { row in
                (0..<tokens).reduce(Double(start[row])) { $0 + Double(change[$1 * rows + row]) }
            }
            let found = [1, 2].map { threads in
                var gradient = start
                biasGradientBackward(
                    &gradient, outputGradient: change, rows: rows, tokens: tokens,
                    crew: WorkCrew(threads: threads))
                return gradient
            }
            #expect(largestDifference(found[0], expected) < 1e-5)
            #expect(found[0] == found[1])
        }
    }
}

extension TestMatrix {
    /// Added to `start`, or overwriting where that is nil.
    func multiplyBackward(
        _ change: [Float], tokens: Int, start: [Float]?, crew: WorkCrew
    ) -> [Float] {
        var gradient = start ?? [Float](repeating: .nan, count: tokens * matrix.columns)
        matrix.multiplyBackward(
            &gradient, outputGradient: change, tokens: tokens, accumulating: start != nil,
            crew: crew)
        return gradient
    }

    /// The largest error, relative to the sum of the magnitudes of the terms.
    func largestBackwardError(
        of found: [Float], _ change: [Float], tokens: Int, start: [Float]?
    ) -> Double {
        let (rows, columns) = (matrix.rows, matrix.columns)
        var largest = 0.0
        for token in 0..<tokens {
            var sums = (0..<columns).map { Double(start?[token * columns + $0] ?? 0) }
            var magnitudes = sums.map(abs)
            for row in 0..<rows {
                let factor = Double(change[token * rows + row])
                for column in 0..<columns {
                    let term = Double(values[row * columns + column]) * factor
                    sums[column] += term
                    magnitudes[column] += abs(term)
                }
            }
            for column in 0..<columns {
                let error =
                    abs(Double(found[token * columns + column]) - sums[column])
                    / max(magnitudes[column], 1e-30)
                largest = error > largest || error.isNaN ? error : largest
            }
        }
        return largest
    }
}
