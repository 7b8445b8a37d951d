import Formats
import Foundation
import Testing
import Transformer

/// Norm, rotation and gate: against plain loops in Double, and against central differences of the forward kernels.
@Suite struct KernelBackwardVectorTests {
    static let lengths = KernelWeightMatrixTests.awkward

    @Test(arguments: lengths) func rmsNormAgreesWithTheNaiveTwin(width: Int) {
        let inputs = Norm(rows: 37, width: width)
        let start = randomFloats(inputs.rows * width, seed: 5)
        let weightStart = randomFloats(width, seed: 6)
        let found = inputs.backward(start, weightStart, crew: WorkCrew(threads: 1))
        let (input, weight) = inputs.naive()
        #expect(relativeDifference(found.input, zip(start, input).map { Double($0) + $1 }) < 2e-6)
        #expect(
            relativeDifference(found.weight, zip(weightStart, weight).map { Double($0) + $1 })
                < 2e-6)
    }

    /// Step 2⁻⁶; the third derivative of a norm of values around 1 is of order 1.
    @Test func rmsNormAgreesWithCentralDifferences() {
        let inputs = Norm(rows: 2, width: 19)
        let zeros = [Float](repeating: 0, count: 38)
        let found = inputs.backward(zeros, Array(zeros[..<19]), crew: WorkCrew(threads: 1))
        let input = centralDifferences(of: inputs.input, step: 0x1p-6) {
            weightedSum(inputs.forward($0, inputs.weight), inputs.change)
        }
        let weight = centralDifferences(of: inputs.weight, step: 0x1p-6) {
            weightedSum(inputs.forward(inputs.input, $0), inputs.change)
        }
        #expect(relativeDifference(found.input, input) < 1e-3)
        #expect(relativeDifference(found.weight, weight) < 1e-4)
    }

    @Test(arguments: [1, 16, 17, 1_030, 2_500]) func rmsNormBitsAreEqualForEveryCrew(rows: Int) {
        let inputs = Norm(rows: rows, width: 33)
        let start = [Float](repeating: 0.25, count: rows * 33)
        let found = [1, 2, 3].map {
            inputs.backward(start, Array(start[..<33]), crew: WorkCrew(threads: $0))
        }
        for other in found[1...] {
            #expect(other.input.map(\.bitPattern) == found[0].input.map(\.bitPattern))
            #expect(other.weight.map(\.bitPattern) == found[0].weight.map(\.bitPattern))
        }
    }

    @Test func rmsNormLeavesOutTheWeight() {
        let inputs = Norm(rows: 3, width: 9)
        var gradient = [Float](repeating: 0, count: 27)
        rmsNormBackward(
            &gradient, weightGradient: nil, outputGradient: inputs.change, input: inputs.input,
            weight: inputs.weight, epsilon: Norm.epsilon, rows: 3, width: 9,
            crew: WorkCrew(threads: 1))
        #expect(relativeDifference(gradient, inputs.naive().input) < 2e-6)
    }

    /// ⟨turn(x), y⟩ = ⟨x, turn back(y)⟩, also where the angles come with a factor; elements beyond the pairs stay.
    @Test(arguments: [1, 3, 8, 11, 32], [RopePairing.interleaved, .halves])
    func rotaryIsTheTransposedTurn(pairs: Int, pairing: RopePairing) {
        let (tokens, heads, size) = (3, 2, 2 * pairs + 1)
        let values = randomFloats(tokens * heads * size, seed: 8)
        let change = randomFloats(tokens * heads * size, seed: 9)
        let angles = randomFloats(tokens * pairs, seed: 10).map { $0 * 3 }
        let (cosines, sines) = (angles.map { 1.3 * cos($0) }, angles.map { 1.3 * sin($0) })
        func forward(_ input: [Float]) -> [Float] {
            var output = input
            rotaryForward(
                &output, cosines: cosines, sines: sines, pairing: pairing, tokens: tokens,
                heads: heads, headSize: size, pairs: pairs)
            return output
        }
        var gradient = change
        rotaryBackward(
            &gradient, cosines: cosines, sines: sines, pairing: pairing, tokens: tokens,
            heads: heads, headSize: size, pairs: pairs)
        var expected = change.map(Double.init)
        for head in 0..<tokens * heads {
            for pair in 0..<pairs {
                let first = head * size + (pairing == .halves ? pair : 2 * pair)
                let second = first + (pairing == .halves ? pairs : 1)
                let (c, s) = (
                    Double(cosines[head / heads * pairs + pair]),
                    Double(sines[head / heads * pairs + pair])
                )
                let (a, b) = (Double(change[first]), Double(change[second]))
                expected[first] = a * c + b * s
                expected[second] = b * c - a * s
            }
        }
        #expect(relativeDifference(gradient, expected) < 3e-7)
        // A linear map: differences have no error but rounding, whatever the step.
        let differences = centralDifferences(of: values, step: 0.5) {
            weightedSum(forward($0), change)
        }
        #expect(relativeDifference(gradient, differences) < 3e-6)
    }

    @Test(arguments: lengths) func gateAgreesWithTheNaiveTwin(count: Int) {
        let gate = randomFloats(count, seed: 11).map { $0 * 12 }
        let (up, change) = (randomFloats(count, seed: 12), randomFloats(count, seed: 13))
        var (gateGradient, upGradient) = (gate, gate)
        gatedUnitBackward(
            &gateGradient, upGradient: &upGradient, outputGradient: change, gate: gate, up: up,
            activation: .silu, count: count)
        for index in 0..<count {
            let x = Double(gate[index])
            let sigmoid = 1 / (1 + exp(-x))
            let slope = sigmoid + x * sigmoid * (1 - sigmoid)
            let expected = Double(change[index]) * Double(up[index]) * slope
            #expect(abs(Double(gateGradient[index]) - expected) < 2e-6)
            let expectedUp = Double(change[index]) * x * sigmoid
            #expect(abs(Double(upGradient[index]) - expectedUp) < 2e-6)
        }
    }

    /// Step 2⁻⁷; the third derivative of the gate is below 1.
    @Test func gateAgreesWithCentralDifferences() {
        let gate = randomFloats(29, seed: 14).map { $0 * 4 }
        let (up, change) = (randomFloats(29, seed: 15), randomFloats(29, seed: 16))
        var (gateGradient, upGradient) = (gate, gate)
        gatedUnitBackward(
            &gateGradient, upGradient: &upGradient, outputGradient: change, gate: gate, up: up,
            activation: .silu, count: 29)
        func loss(_ gate: [Float], _ up: [Float]) -> Double {
            var output = gate
            gatedUnitForward(&output, gate: gate, up: up, activation: .silu, count: 29)
            return weightedSum(output, change)
        }
        let byGate = centralDifferences(of: gate, step: 0x1p-7) { loss($0, up) }
        let byUp = centralDifferences(of: up, step: 0x1p-7) { loss(gate, $0) }
        #expect(relativeDifference(gateGradient, byGate) < 1e-4)
        #expect(relativeDifference(upGradient, byUp) < 1e-4)
    }

    @Test func gateMayOverwriteItsInputs() {
        let gate = randomFloats(21, seed: 17)
        let (up, change) = (randomFloats(21, seed: 18), randomFloats(21, seed: 19))
        var (gateGradient, upGradient) = (gate, gate)
        gatedUnitBackward(
            &gateGradient, upGradient: &upGradient, outputGradient: change, gate: gate, up: up,
            activation: .silu, count: 21)
        var (first, second) = (gate, change)
        first.withUnsafeMutableBufferPointer { gates in
            second.withUnsafeMutableBufferPointer { changes in
                guard let gate = gates.baseAddress, let change = changes.baseAddress else { return }
                gatedUnitBackward(
                    gate, upGradient: change, outputGradient: change, gate: gate, up: up,
                    activation: .silu, count: 21)
            }
        }
        #expect(first == gateGradient && second == upGradient)
    }

    @Test func gateFarFromZeroHasFiniteGradients() {
        let gate: [Float] = [-1e30, -200, -88.8, -86.7, 0, 86.7, 88.8, 1e30]
        let ones = [Float](repeating: 1, count: 8)
        var (gateGradient, upGradient) = (gate, gate)
        gatedUnitBackward(
            &gateGradient, upGradient: &upGradient, outputGradient: ones, gate: gate, up: ones,
            activation: .silu, count: 8)
        #expect(gateGradient[4] == 0.5 && gateGradient[...2].allSatisfy { $0 == 0 })
        #expect(abs(gateGradient[3]) < 1e-35 && gateGradient[5...].allSatisfy { $0 == 1 })
        #expect(upGradient[5...] == gate[5...])
    }
}

/// A norm of random rows.
private struct Norm {
    static let epsilon: Float = 1e-5
    let rows: Int
    let width: Int
    let input: [Float]
    let weight: [Float]
    let change: [Float]

    init(rows: Int, width: Int) {
        self.rows = rows
        self.width = width
        input = randomFloats(rows * width, seed: 1)
        weight = randomFloats(width, seed: 2)
        change = randomFloats(rows * width, seed: 3)
    }

    func forward(_ input: [Float], _ weight: [Float]) -> [Float] {
        var output = input
        rmsNormForward(
            &output, input, weight: weight, epsilon: Self.epsilon, rows: rows, width: width)
        return output
    }

    func backward(
        _ start: [Float], _ weightStart: [Float], crew: WorkCrew
    ) -> (input: [Float], weight: [Float]) {
        var (input, weight) = (start, weightStart)
        rmsNormBackward(
            &input, weightGradient: &weight, outputGradient: change, input: self.input,
            weight: self.weight, epsilon: Self.epsilon, rows: rows, width: width, crew: crew)
        return (input, weight)
    }

    func naive() -> (input: [Double], weight: [Double]) {
        var inputGradient = [Double](repeating: 0, count: rows * width)
        var weightGradient = [Double](repeating: 0, count: width)
        for row in 0..<rows {
            let x = input[row * width..<(row + 1) * width].map(Double.init)
            let g = change[row * width..<(row + 1) * width].map(Double.init)
            let mean = x.reduce(0) { $0 + $1 * $1 } / Double(width)
            let scale = 1 / (mean + Double(Self.epsilon)).squareRoot()
            for j in 0..<width {
                weightGradient[j] += g[j] * x[j] * scale
                inputGradient[row * width + j] += g[j] * Double(weight[j]) * scale
                for i in 0..<width {
                    inputGradient[row * width + i] -=
                        g[j] * Double(weight[j]) * x[j] * x[i] * scale * scale * scale
                        / Double(width)
                }
            }
        }
        return (inputGradient, weightGradient)
    }
}
