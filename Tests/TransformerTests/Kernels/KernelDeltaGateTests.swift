import Formats
import Foundation
import Testing
import Transformer

/// What stands around a gated delta rule: its gates, rows of one length, and the gate on attention's output, against plain
/// loops in Double and central differences.
@Suite struct KernelDeltaGateTests {
    // MARK: - Decay and strength

    private struct Gates {
        var decayInput = randomFloats(35, seed: 1).map { $0 * 4 }
        var strengthInput = randomFloats(35, seed: 2).map { $0 * 4 }
        var rate = randomFloats(5, seed: 3).map { -1 - $0 }
        var bias = randomFloats(5, seed: 4)

        /// Decays, then strengths.
        func naive() -> [Double] {
            let decays = decayInput.enumerated().map { index, x in
                exp(
                    Double(rate[index % 5]) * log1p(exp(Double(x) + Double(bias[index % 5]))))
            }
            return decays + strengthInput.map { 1 / (1 + exp(-Double($0))) }
        }
    }

    @Test func gatesAgreeWithTheNaiveTwin() {
        var gates = Gates()
        gates.decayInput[3] = 90
        gates.decayInput[4] = -90
        var decay = [Float](repeating: .nan, count: 35)
        var strength = decay
        deltaGatesForward(
            &decay, strength: &strength, decayInput: gates.decayInput,
            strengthInput: gates.strengthInput, rate: gates.rate, bias: gates.bias, rows: 7,
            heads: 5)
        #expect(largestDifference(decay + strength, gates.naive()) < 1e-6)
    }

    @Test func gradientsOfGatesAgreeWithDifferences() {
        let gates = Gates()
        let change = randomFloats(70, seed: 5)
        var decay = Array(change[..<35])
        var strength = Array(change[35...])
        var (rate, bias) = ([Float](repeating: 1, count: 5), [Float](repeating: 1, count: 5))
        let (decayChange, strengthChange) = (decay, strength)
        deltaGatesBackward(
            &decay, strengthInputGradient: &strength, rateGradient: &rate, biasGradient: &bias,
            decayGradient: decayChange, strengthGradient: strengthChange,
            decayInput: gates.decayInput, strengthInput: gates.strengthInput, rate: gates.rate,
            bias: gates.bias, rows: 7, heads: 5)
        func differences(_ part: WritableKeyPath<Gates, [Float]>) -> [Double] {
            centralDifferences(of: gates[keyPath: part], step: 0x1p-10) { values in
                var moved = gates
                moved[keyPath: part] = values
                return zip(moved.naive(), change).reduce(0) { $0 + $1.0 * Double($1.1) }
            }
        }
        #expect(relativeDifference(decay, differences(\.decayInput)) < 1e-5)
        #expect(relativeDifference(strength, differences(\.strengthInput)) < 1e-5)
        #expect(relativeDifference(rate.map { $0 - 1 }, differences(\.rate)) < 1e-5)
        #expect(relativeDifference(bias.map { $0 - 1 }, differences(\.bias)) < 1e-5)
    }

    // MARK: - Rows of one length

    @Test(arguments: [1, 7, 8, 33, 128]) func unitNormsAgreeWithTheNaiveTwin(width: Int) {
        let (rows, epsilon, factor) = (5, Float(1e-3), Float(0.25))
        let input = randomFloats(rows * width, seed: 6)
        let change = randomFloats(rows * width, seed: 7)
        func naive(_ values: [Float]) -> [Double] {
            (0..<rows).flatMap { row in
                let x = values[row * width..<(row + 1) * width].map(Double.init)
                let length = (x.reduce(0) { $0 + $1 * $1 } + Double(epsilon)).squareRoot()
                return x.map { Double(factor) * $0 / length }
            }
        }
        var output = [Float](repeating: .nan, count: rows * width)
        unitNormForward(
            &output, input, factor: factor, epsilon: epsilon, rows: rows, width: width)
        #expect(largestDifference(output, naive(input)) < 1e-6)
        var gradient = [Float](repeating: .nan, count: rows * width)
        unitNormBackward(
            &gradient, outputGradient: change, input: input, factor: factor, epsilon: epsilon,
            rows: rows, width: width)
        let differences = centralDifferences(of: input, step: 0x1p-10) { values in
            zip(naive(values), change).reduce(0) { $0 + $1.0 * Double($1.1) }
        }
        // A row of one value has a gradient of ε's making alone.
        #expect(largestDifference(gradient, differences) < 4e-5)
        gradient = change
        gradient.withUnsafeMutableBufferPointer { values in
            guard let start = values.baseAddress else { return }
            unitNormBackward(
                start, outputGradient: start, input: input, factor: factor, epsilon: epsilon,
                rows: rows, width: width)
        }
        #expect(largestDifference(gradient, differences) < 4e-5)
    }

    // MARK: - The gate on attention's output

    @Test(arguments: [1, 7, 8, 9, 40]) func outputGatesAgreeWithTheNaiveTwin(count: Int) {
        let gate = randomFloats(count, seed: 8).map { $0 * 5 }
        let (input, change) = (randomFloats(count, seed: 9), randomFloats(count, seed: 10))
        var output = [Float](repeating: .nan, count: count)
        outputGateForward(&output, gate: gate, input: input, count: count)
        let shares = gate.map { 1 / (1 + exp(-Double($0))) }
        #expect(largestDifference(output, zip(shares, input).map { $0 * Double($1) }) < 1e-6)
        var (gateGradient, inputGradient) = (output, output)
        outputGateBackward(
            &gateGradient, inputGradient: &inputGradient, outputGradient: change, gate: gate,
            input: input, count: count)
        let exact = zip(zip(shares, input), change).map { pair, change in
            let (share, x) = pair
            return (share * (1 - share) * Double(x) * Double(change), share * Double(change))
        }
        #expect(largestDifference(gateGradient, exact.map(\.0)) < 1e-6)
        #expect(largestDifference(inputGradient, exact.map(\.1)) < 1e-6)
    }
}
