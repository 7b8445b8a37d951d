import Formats
import Foundation
import Testing
import Transformer

/// The vector kernels against plain loops in Double, at awkward lengths.
@Suite struct KernelVectorTests {
    static let lengths = KernelWeightMatrixTests.awkward

    @Test(arguments: lengths) func dotAddScaleAndAddScaledAgree(count: Int) {
        let a = randomFloats(count, seed: 1)
        let b = randomFloats(count, seed: 2)
        let products = zip(a, b).map { Double($0) * Double($1) }
        let error = abs(Double(dotForward(a, b, count: count)) - products.reduce(0, +))
        #expect(error <= 1e-6 * products.map(abs).reduce(0, +))

        var sum = a
        addForward(&sum, b, count: count)
        #expect(sum == zip(a, b).map { $0 + $1 })
        var scaled = a
        scaleForward(&scaled, by: 0.3, count: count)
        #expect(scaled == a.map { $0 * 0.3 })
        var product = a
        multiplyForward(&product, a, b, count: count)
        #expect(product == zip(a, b).map { $0 * $1 })
        var combined = a
        addScaledForward(&combined, -1.7, b, count: count)
        let exact = zip(a, b).map { Double($0) - Double(Float(1.7)) * Double($1) }
        #expect(largestDifference(combined, exact) < 3e-7)
    }

    @Test(arguments: lengths) func rmsNormAgrees(width: Int) {
        let rows = 3
        let input = randomFloats(rows * width, seed: 3)
        let weight = randomFloats(width, seed: 4)
        var output = input
        rmsNormForward(&output, input, weight: weight, epsilon: 1e-5, rows: rows, width: width)
        var expected: [Double] = []
        for row in 0..<rows {
            let x = input[row * width..<(row + 1) * width].map(Double.init)
            let mean = x.reduce(0) { $0 + $1 * $1 } / Double(width)
            expected += zip(x, weight).map { $0 / (mean + 1e-5).squareRoot() * Double($1) }
        }
        #expect(largestDifference(output, expected) < 2e-6)
    }

    @Test(arguments: lengths) func softmaxAgrees(count: Int) {
        var row = randomFloats(count, seed: 5).map { $0 * 30 }
        let powers = row.map { exp(Double($0) - Double(row.max() ?? 0)) }
        let expected = powers.map { $0 / powers.reduce(0, +) }
        softmaxForward(&row, count: count)
        #expect(largestDifference(row, expected) < 1e-6)
        #expect(abs(row.reduce(0.0) { $0 + Double($1) } - 1) < 1e-6)
    }

    @Test func softmaxOfHiddenAndHugeEntriesIsFinite() {
        var row: [Float] = [-.infinity, 3e38, -3e38, 3e38, -.infinity, 0, 1, 2, 3]
        softmaxForward(&row, count: row.count)
        #expect(row == [0, 0.5, 0, 0.5, 0, 0, 0, 0, 0])
    }

    /// Sweeps the exponential, which the gate is made of, over its whole range.
    @Test func gateAgreesEverywhere() {
        let gates = (-88_000...88_000).map { Float($0) / 1000 }
        var output = [Float](repeating: .nan, count: gates.count)
        gatedUnitForward(
            &output, gate: gates, up: [Float](repeating: 1, count: gates.count), activation: .silu,
            count: gates.count)
        var largest = 0.0
        for (gate, result) in zip(gates, output) where gate > -86 && gate != 0 {
            let exact = Double(gate) / (1 + exp(-Double(gate)))
            largest = max(largest, abs(Double(result) / exact - 1))
        }
        #expect(largest < 4e-7)
        #expect(output.allSatisfy { $0.isFinite })
    }

    @Test(arguments: lengths) func gateMultipliesUp(count: Int) {
        let gate = randomFloats(count, seed: 6).map { $0 * 8 }
        let up = randomFloats(count, seed: 7)
        var output = gate
        gatedUnitForward(&output, gate: gate, up: up, activation: .silu, count: count)
        let exact = zip(gate, up).map { Double($0) / (1 + exp(-Double($0))) * Double($1) }
        #expect(largestDifference(output, exact) < 2e-6)
    }

    @Test func gateOfInfinitiesAndNaNFollowsTheFormula() {
        let gate: [Float] = [.infinity, -1e30, 0, .nan, 100, -100, 88.8, -88.8]
        var output = gate
        gatedUnitForward(
            &output, gate: gate, up: [Float](repeating: 1, count: 8), activation: .silu, count: 8)
        #expect(output[0] == .infinity && output[1] == 0 && output[2] == 0 && output[3].isNaN)
        #expect(output[4] == 100 && output[5] == 0 && output[6] == 88.8 && output[7] == 0)
    }

    @Test(arguments: [1, 3, 8, 11, 32]) func rotaryTurnsPairsOfBothKinds(pairs: Int) {
        let (tokens, heads, size) = (3, 2, 2 * pairs + 1)
        let values = randomFloats(tokens * heads * size, seed: 8)
        let angles = randomFloats(tokens * pairs, seed: 9).map { $0 * 3 }
        for pairing in [RopePairing.interleaved, .halves] {
            var output = values
            rotaryForward(
                &output, cosines: angles.map { cos($0) }, sines: angles.map { sin($0) },
                pairing: pairing,
                tokens: tokens, heads: heads, headSize: size, pairs: pairs)
            var expected = values.map(Double.init)
            for head in 0..<tokens * heads {
                for pair in 0..<pairs {
                    let first = head * size + (pairing == .halves ? pair : 2 * pair)
                    let second = first + (pairing == .halves ? pairs : 1)
                    let angle = Double(angles[head / heads * pairs + pair])
                    let (a, b) = (Double(values[first]), Double(values[second]))
                    expected[first] = a * cos(angle) - b * sin(angle)
                    expected[second] = a * sin(angle) + b * cos(angle)
                }
            }
            #expect(largestDifference(output, expected) < 3e-7)
        }
    }
}

/// The largest absolute difference; NaN where there is one.
func largestDifference(_ values: [Float], _ exact: [Double]) -> Double {
    zip(values, exact).map { abs(Double($0) - $1) }.reduce(0) { $1 > $0 || $1.isNaN ? $1 : $0 }
}
