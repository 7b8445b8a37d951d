import Formats
import Foundation
import Testing
import Transformer

/// Activations, alone and gated, against plain loops in Double and central differences.
@Suite struct KernelActivationTests {
    static let counts = [0, 1, 7, 8, 9, 31, 129]
    /// Those whose gated unit is activation(gate) · up.
    static let products = Activation.allCases.filter { $0 != .clampedSilu }

    /// The bounds: a few units of the last place; far below zero, where results are tiny, the rounding of an exponent
    /// (of −x²/2, or of 2u) comes to more.
    @Test(arguments: Activation.allCases) func valuesAgreeEverywhere(activation: Activation) {
        let inputs = (-80_000...80_000).map { Float($0) / 10_000 }
        let output = forward(inputs, activation)
        var (near, far) = (0.0, 0.0)
        for (x, y) in zip(inputs, output) where x != 0 {
            let error = abs(Double(y) / exactValue(Double(x), activation) - 1)
            if x > -2 { near = max(near, error) } else { far = max(far, error) }
        }
        #expect(near < 6e-7)
        #expect(far < 9e-6)
    }

    @Test(arguments: Activation.allCases) func slopesAgreeEverywhere(activation: Activation) {
        let inputs = (-20_000...20_000).map { Float($0) / 1000 }
        var gradient = [Float](repeating: 1, count: inputs.count)
        activationBackward(&gradient, input: inputs, activation: activation, count: inputs.count)
        let exact = inputs.map { exactSlope(Double($0), activation) }
        #expect(largestDifference(gradient, exact) < 2e-6)
    }

    /// Step 2⁻⁷; the third derivatives stay below 2.
    @Test(arguments: Activation.allCases)
    func slopesAgreeWithCentralDifferences(activation: Activation) {
        let input = randomFloats(29, seed: 1).map { $0 * 4 }
        let change = randomFloats(29, seed: 2)
        var gradient = change
        activationBackward(&gradient, input: input, activation: activation, count: 29)
        let differences = centralDifferences(of: input, step: 0x1p-7) {
            weightedSum(forward($0, activation), change)
        }
        #expect(relativeDifference(gradient, differences) < 1e-4)
    }

    @Test(arguments: products, counts)
    func gatedUnitsAgreeWithTheNaiveTwin(activation: Activation, count: Int) {
        let gate = randomFloats(count, seed: 3).map { $0 * 6 }
        let (up, change) = (randomFloats(count, seed: 4), randomFloats(count, seed: 5))
        var (output, gateGradient, upGradient) = (gate, gate, gate)
        gatedUnitForward(&output, gate: gate, up: up, activation: activation, count: count)
        gatedUnitBackward(
            &gateGradient, upGradient: &upGradient, outputGradient: change, gate: gate, up: up,
            activation: activation, count: count)
        func exact(_ value: (Int) -> Double) -> [Double] { (0..<count).map(value) }
        let values = gate.map { exactValue(Double($0), activation) }
        let slopes = gate.map { exactSlope(Double($0), activation) }
        #expect(largestDifference(output, exact { values[$0] * Double(up[$0]) }) < 3e-6)
        #expect(
            largestDifference(
                gateGradient, exact { Double(change[$0]) * Double(up[$0]) * slopes[$0] }) < 3e-6)
        #expect(largestDifference(upGradient, exact { Double(change[$0]) * values[$0] }) < 3e-6)
    }

    /// Alone and gated, in vectors and at their end, in place and apart: the same value has the same bits.
    @Test(arguments: products)
    func valuesDoNotDependOnTheirPlace(activation: Activation) {
        let input = randomFloats(31, seed: 6).map { $0 * 9 }
        let whole = forward(input, activation)
        for first in 0..<31 {
            #expect(forward(Array(input[first...]), activation) == Array(whole[first...]))
        }
        var (gated, inPlace) = (input, input)
        gatedUnitForward(
            &gated, gate: input, up: [Float](repeating: 1, count: 31), activation: activation,
            count: 31)
        inPlace.withUnsafeMutableBufferPointer { values in
            guard let start = values.baseAddress else { return }
            activationForward(start, start, activation: activation, count: 31)
        }
        #expect(gated == whole && inPlace == whole)
    }

    @Test func aSquaredRectifierIsNothingBelowZeroAndGrowsWithoutBound() {
        #expect(forward([-1e30, -1, 0, 1.5, 1e30], .reluSquared) == [0, 0, 0, 2.25, .infinity])
        #expect(forward([.nan], .reluSquared)[0].isNaN)
    }

    @Test(arguments: products.filter { $0 != .reluSquared })
    func farFromZeroAllIsFinite(activation: Activation) {
        let inputs: [Float] = [-1e30, -3e4, -200, -88.8, 0, 88.8, 3e4, 1e30]
        #expect(forward(inputs, activation) == [0, 0, 0, 0, 0, 88.8, 3e4, 1e30])
        var gradient = [Float](repeating: 1, count: 8)
        activationBackward(&gradient, input: inputs, activation: activation, count: 8)
        #expect(gradient == [0, 0, 0, 0, 0.5, 1, 1, 1])
        #expect(forward([.nan], activation)[0].isNaN)
    }

    private func forward(_ input: [Float], _ activation: Activation) -> [Float] {
        var output = [Float](repeating: .nan, count: input.count)
        activationForward(&output, input, activation: activation, count: input.count)
        return output
    }
}

private func exactValue(_ x: Double, _ activation: Activation) -> Double {
    switch activation {
    case .silu: x / (1 + exp(-x))
    case .gelu: x * erfc(-x / 2.0.squareRoot()) / 2
    case .geluTanh: x / (1 + exp(-2 * tangentArgument(x)))
    case .reluSquared: max(x, 0) * max(x, 0)
    case .clampedSilu: min(x, 7) / (1 + exp(-Double(Float(1.702)) * min(x, 7)))
    }
}

private func exactSlope(_ x: Double, _ activation: Activation) -> Double {
    switch activation {
    case .silu:
        let share = 1 / (1 + exp(-x))
        return share + x * share * (1 - share)
    case .gelu:
        return erfc(-x / 2.0.squareRoot()) / 2 + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot()
    case .geluTanh:
        let tangent = tanh(tangentArgument(x))
        let inner = (2 / Double.pi).squareRoot() * (1 + 3 * 0.044715 * x * x)
        return (1 + tangent) / 2 + x / 2 * (1 - tangent * tangent) * inner
    case .reluSquared:
        return 2 * max(x, 0)
    case .clampedSilu:
        let steepness = Double(Float(1.702))
        let share = 1 / (1 + exp(-steepness * x))
        return x > 7 ? 0 : share + steepness * x * share * (1 - share)
    }
}

private func tangentArgument(_ x: Double) -> Double {
    (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
}
