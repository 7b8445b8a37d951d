import Foundation
import Testing
import Transformer

@Suite struct KernelBackwardCrossEntropyTests {
    static let lengths = KernelWeightMatrixTests.awkward.filter { $0 > 1 } + [49_152]

    @Test(arguments: lengths) func crossEntropyAgreesWithTheNaiveTwin(count: Int) {
        let logits = randomFloats(count, seed: 1).map { $0 * 12 }
        let targets: [(token: Int, probability: Float)] = [(count - 1, 0.3), (count / 2, 0.5)]
        var row = logits
        let loss = crossEntropyBackward(&row, count: count, targets: targets, weight: -1.5)
        let shares = naiveSoftmax(logits)
        var expected = shares.map { 0.8 * $0 }
        var expectedLoss = 0.0
        for target in targets {
            expected[target.token] -= Double(target.probability)
            expectedLoss -= Double(target.probability) * log(shares[target.token])
        }
        #expect(abs(loss - expectedLoss) < 2e-7 * expectedLoss)
        #expect(relativeDifference(row, expected.map { -1.5 * $0 }) < 1e-6)
    }

    /// Step 2⁻⁶; the third derivative is below 1. Loss and logits are exact here but for the f32 powers.
    @Test func crossEntropyAgreesWithCentralDifferences() {
        let logits = randomFloats(61, seed: 2).map { $0 * 3 }
        let targets: [(token: Int, probability: Float)] = [(7, 0.3), (60, 0.7)]
        func loss(_ logits: [Float]) -> Double {
            var row = logits
            return crossEntropyBackward(&row, count: 61, targets: targets, weight: 1)
        }
        var row = logits
        _ = crossEntropyBackward(&row, count: 61, targets: targets, weight: 1)
        #expect(
            relativeDifference(row, centralDifferences(of: logits, step: 0x1p-6, loss)) < 1e-4)
    }

    @Test func hiddenAndHugeLogitsHaveFiniteLosses() {
        var row: [Float] = [-.infinity, 3e38, 3e38, 0, -3e38]
        let loss = crossEntropyBackward(&row, count: 5, targets: [(1, 1)], weight: 1)
        #expect(abs(loss - log(2)) < 1e-7)
        #expect(row == [0, -0.5, 0.5, 0, 0])
        row = [-.infinity, 0]
        #expect(crossEntropyBackward(&row, count: 2, targets: [(0, 0), (1, 1)], weight: 1) == 0)
        row = [1, 2, 3]
        #expect(crossEntropyBackward(&row, count: 3, targets: [], weight: 1) == 0)
        #expect(row == [0, 0, 0])
    }

    /// From distributions that have nothing in common to some that are almost equal, whose divergence is tiny.
    @Test(arguments: lengths, [30, 1, 1e-2, 1e-4] as [Float])
    func divergenceAgreesWithTheNaiveTwin(count: Int, distance: Float) {
        let reference = randomFloats(count, seed: 3).map { $0 * 10 }
        let tuned = zip(reference, randomFloats(count, seed: 4)).map { $0 + distance * $1 + 7 }
        var row = tuned
        let loss = divergenceBackward(&row, reference: reference, count: count, weight: 0.5)
        let (p, q) = (naiveSoftmax(tuned), naiveSoftmax(reference))
        let shift = logarithmOfSum(tuned) - logarithmOfSum(reference)
        var expected = 0.0
        for index in 0..<count {
            let ratio = Double(tuned[index]) - Double(reference[index]) - shift
            expected += q[index] * (expm1(ratio) - ratio)
        }
        // f32 logits of this size have an error of a millionth, the gradients that of a share.
        #expect(abs(loss - expected) < 1e-5 * expected + 1e-12)
        #expect(largestDifference(row, zip(p, q).map { 0.5 * ($0 - $1) }) < 3e-7)
    }

    /// Step 2⁻⁶: curvature and the rounding of f32 both stay below some ten-thousandths of the largest gradient.
    @Test func divergenceAgreesWithCentralDifferences() {
        let reference = randomFloats(61, seed: 5).map { $0 * 3 }
        let tuned = randomFloats(61, seed: 6).map { $0 * 3 }
        func loss(_ logits: [Float]) -> Double {
            var row = logits
            return divergenceBackward(&row, reference: reference, count: 61, weight: 1)
        }
        var row = tuned
        _ = divergenceBackward(&row, reference: reference, count: 61, weight: 1)
        #expect(
            relativeDifference(row, centralDifferences(of: tuned, step: 0x1p-6, loss)) < 5e-4)
    }

    @Test(arguments: lengths, [30, 1, 1e-2, 1e-4] as [Float])
    func reverseDivergenceAgreesWithTheNaiveTwin(count: Int, distance: Float) {
        let reference = randomFloats(count, seed: 3).map { $0 * 10 }
        let tuned = zip(reference, randomFloats(count, seed: 4)).map { $0 + distance * $1 + 7 }
        var row = tuned
        let loss = reverseDivergenceBackward(&row, reference: reference, count: count, weight: 0.5)
        let p = naiveSoftmax(tuned)
        let shift = logarithmOfSum(tuned) - logarithmOfSum(reference)
        let ratios = (0..<count).map { Double(tuned[$0]) - Double(reference[$0]) - shift }
        var expected = 0.0
        for (share, ratio) in zip(p, ratios) { expected += share * (expm1(-ratio) + ratio) }
        #expect(abs(loss - expected) < 1e-5 * expected + 1e-12)
        let slopes: [Double] = zip(p, ratios).map { share, ratio in 0.5 * share * (ratio - expected)
        }
        #expect(largestDifference(row, slopes) < 3e-7 * max(1, Double(distance)))
    }

    @Test func reverseDivergenceAgreesWithCentralDifferences() {
        let reference = randomFloats(61, seed: 5).map { $0 * 3 }
        let tuned = randomFloats(61, seed: 6).map { $0 * 3 }
        func loss(_ logits: [Float]) -> Double {
            var row = logits
            return reverseDivergenceBackward(&row, reference: reference, count: 61, weight: 1)
        }
        var row = tuned
        _ = reverseDivergenceBackward(&row, reference: reference, count: 61, weight: 1)
        #expect(
            relativeDifference(row, centralDifferences(of: tuned, step: 0x1p-6, loss)) < 5e-4)
    }

    @Test func whatTheModelHidesHasNoShareInTheReverse() {
        let reference = randomFloats(9, seed: 8)
        var row = reference
        row[4] = -.infinity
        let loss = reverseDivergenceBackward(&row, reference: reference, count: 9, weight: 1)
        let share = naiveSoftmax(reference)[4]
        #expect(abs(loss + log(1 - share)) < 1e-6)
        #expect(row.allSatisfy { abs($0) < 1e-6 })
    }

    @Test func equalDistributionsDoNotDiverge() {
        let reference = randomFloats(100, seed: 7)
        var row = reference
        #expect(divergenceBackward(&row, reference: reference, count: 100, weight: 1) == 0)
        #expect(row.allSatisfy { $0 == 0 })
    }

    @Test func entriesThatTheReferenceLacksCount() {
        var row: [Float] = [0, 0, 0, 0]
        let reference: [Float] = [0, 0, -.infinity, -.infinity]
        let loss = divergenceBackward(&row, reference: reference, count: 4, weight: 1)
        #expect(abs(loss - log(2)) < 1e-6)
        #expect(row == [-0.25, -0.25, 0.25, 0.25])
        row = [0, -.infinity]
        #expect(divergenceBackward(&row, reference: [0, 0], count: 2, weight: 1) == .infinity)
    }

    private func logarithmOfSum(_ logits: [Float]) -> Double {
        let most = Double(logits.max() ?? 0)
        return most + log(logits.reduce(0) { $0 + exp(Double($1) - most) })
    }

    private func naiveSoftmax(_ logits: [Float]) -> [Double] {
        let most = Double(logits.max() ?? 0)
        let powers = logits.map { exp(Double($0) - most) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }
}
