import Formats
import Foundation
import Testing
import Transformer

/// gpt-oss's gated unit against plain loops in Double, within and beyond its limits.
@Suite struct KernelClampedUnitTests {
    static let counts = [0, 1, 7, 8, 9, 31, 129]

    @Test(arguments: counts) func agreesWithTheNaiveTwin(count: Int) {
        let gate = randomFloats(count, seed: 1).map { $0 * 11 }
        let up = randomFloats(count, seed: 2).map { $0 * 11 }
        let change = randomFloats(count, seed: 3)
        var (output, gateGradient, upGradient) = (gate, gate, gate)
        gatedUnitForward(&output, gate: gate, up: up, activation: .clampedSilu, count: count)
        gatedUnitBackward(
            &gateGradient, upGradient: &upGradient, outputGradient: change, gate: gate, up: up,
            activation: .clampedSilu, count: count)
        let twins = (0..<count).map { Twin(gate: Double(gate[$0]), up: Double(up[$0])) }
        #expect(largestDifference(output, twins.map(\.value)) < 2e-5)
        #expect(
            largestDifference(gateGradient, zip(twins, change).map { $0.gateSlope * Double($1) })
                < 2e-5)
        #expect(
            largestDifference(upGradient, zip(twins, change).map { $0.upSlope * Double($1) })
                < 2e-5)
    }

    /// In vectors and at their end, in place and apart: the same value has the same bits.
    @Test func valuesDoNotDependOnTheirPlace() {
        let (gate, up) = (
            randomFloats(31, seed: 4).map { $0 * 9 }, randomFloats(31, seed: 5).map { $0 * 9 }
        )
        func forward(from first: Int) -> [Float] {
            var output = Array(gate[first...])
            output.withUnsafeMutableBufferPointer { values in
                guard let start = values.baseAddress else { return }
                gatedUnitForward(
                    start, gate: start, up: Array(up[first...]), activation: .clampedSilu,
                    count: values.count)
            }
            return output
        }
        let whole = forward(from: 0)
        for first in 0..<31 { #expect(forward(from: first) == Array(whole[first...])) }
    }

    @Test func farFromZeroTheLimitsHold() {
        let gate: [Float] = [-1e30, 1e30, 1e30, 0, .nan]
        let up: [Float] = [1, 1e30, -1e30, 1e30, 1]
        var output = [Float](repeating: .nan, count: 5)
        gatedUnitForward(&output, gate: gate, up: up, activation: .clampedSilu, count: 5)
        let top = 7 / (1 + exp(Float(-1.702 * 7)))
        #expect(output[0] == 0 && output[3] == 0 && output[4].isNaN)
        #expect(abs(output[1] - 8 * top) < 1e-4 && abs(output[2] + 6 * top) < 1e-4)
    }

    private struct Twin {
        let gate: Double
        let up: Double
        private let steepness = Double(Float(1.702))

        private var share: Double { 1 / (1 + exp(-steepness * min(gate, 7))) }
        private var factor: Double { max(-7, min(7, up)) + 1 }
        var value: Double { min(gate, 7) * share * factor }
        var gateSlope: Double {
            gate > 7 ? 0 : share * (1 + steepness * gate * (1 - share)) * factor
        }
        var upSlope: Double { abs(up) > 7 ? 0 : min(gate, 7) * share }

        init(gate: Double, up: Double) {
            self.gate = gate
            self.up = up
        }
    }
}
