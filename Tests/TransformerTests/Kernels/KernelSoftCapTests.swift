import Foundation
import Testing
import Transformer

@Suite struct KernelSoftCapTests {
    /// The bound is relative, also near zero, where a tanh by powers alone would lose digits.
    @Test(arguments: [Float(0.5), 30, 50]) func agreesEverywhere(cap: Float) {
        let inputs = (-40_000...40_000).map { Float($0) / 4_000 * cap }
        var output = inputs
        softCapForward(&output, cap: cap, count: inputs.count)
        var largest = 0.0
        for (x, y) in zip(inputs, output) where x != 0 {
            let exact = Double(cap) * tanh(Double(x) / Double(cap))
            largest = max(largest, abs(Double(y) / exact - 1))
        }
        #expect(largest < 4e-7)
        #expect(output.allSatisfy { abs($0) <= cap })
    }

    @Test func smallValuesStay() {
        var values: [Float] = [1e-30, -1e-30, 1e-8, 0, -1e-6]
        let before = values
        softCapForward(&values, cap: 30, count: 5)
        for (value, old) in zip(values, before) { #expect(abs(value - old) <= abs(old) * 2e-7) }
    }

    @Test func infinitiesAreCappedAndNaNStays() {
        var values: [Float] = [.infinity, -.infinity, 1e30, .nan]
        softCapForward(&values, cap: 30, count: 4)
        #expect(values[..<3] == [30, -30, 30] && values[3].isNaN)
    }

    @Test(arguments: [0, 1, 7, 8, 9, 31]) func gradientAgreesWithTheNaiveTwin(count: Int) {
        let input = randomFloats(count, seed: 1).map { $0 * 60 }
        let change = randomFloats(count, seed: 2)
        var (capped, gradient) = (input, change)
        softCapForward(&capped, cap: 30, count: count)
        softCapBackward(&gradient, capped: capped, cap: 30, count: count)
        let exact = zip(input, change).map { x, change in
            let tangent = tanh(Double(x) / 30)
            return Double(change) * (1 - tangent * tangent)
        }
        #expect(largestDifference(gradient, exact) < 1e-6)
        for first in 0..<count {
            var part = Array(input[first...])
            softCapForward(&part, cap: 30, count: part.count)
            #expect(part == Array(capped[first...]))
        }
    }

    /// Step 2⁻³ beside a cap of 30: the third derivative is of order 2 / 30².
    @Test func gradientAgreesWithCentralDifferences() {
        let input = randomFloats(19, seed: 3).map { $0 * 60 }
        let change = randomFloats(19, seed: 4)
        func forward(_ input: [Float]) -> [Float] {
            var output = input
            softCapForward(&output, cap: 30, count: 19)
            return output
        }
        var gradient = change
        softCapBackward(&gradient, capped: forward(input), cap: 30, count: 19)
        let differences = centralDifferences(of: input, step: 0x1p-3) {
            weightedSum(forward($0), change)
        }
        #expect(relativeDifference(gradient, differences) < 1e-4)
    }
}
