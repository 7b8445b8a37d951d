import Foundation
import Testing
import Transformer

/// The log-softmax kernels against plain loops in Double, at awkward lengths.
@Suite struct KernelLogSoftmaxTests {
    static let lengths = KernelWeightMatrixTests.awkward + [1023, 1024, 1025, 49152]

    private func logits(_ count: Int, seed: UInt64, scale: Float = 20) -> [Float] {
        randomFloats(count, seed: seed).map { $0 * scale }
    }

    private func logProbabilities(_ row: [Float]) -> [Double] {
        let most = Double(row.max() ?? 0)
        let sum = row.reduce(0) { $0 + exp(Double($1) - most) }
        return row.map { Double($0) - most - log(sum) }
    }

    private func divergence(_ p: [Float], _ q: [Float]) -> Double {
        zip(logProbabilities(p), logProbabilities(q)).reduce(0) { sum, pair in
            pair.0 == -.infinity ? sum : sum + exp(pair.0) * (pair.0 - pair.1)
        }
    }

    @Test(arguments: lengths) func logSumExpAgrees(count: Int) {
        let row = logits(count, seed: 1)
        let expected = Double(row[0]) - logProbabilities(row)[0]
        #expect(abs(logSumExpForward(row.span) - expected) < 1e-6)
    }

    @Test(arguments: lengths) func divergencesAgree(count: Int) {
        let p = logits(count, seed: 2)
        let q = zip(p, logits(count, seed: 3, scale: 0.5)).map { $0 + $1 }
        let found = divergenceForward(p.span, q.span)
        #expect(abs(found.forward - divergence(p, q)) < 1e-6)
        #expect(abs(found.reverse - divergence(q, p)) < 1e-6)
    }

    @Test func aConstantAddedToALogitRowChangesNothing() {
        let p = logits(3001, seed: 4)
        let moved = p.map { $0 + 16 }
        let found = divergenceForward(p.span, moved.span)
        #expect(found.forward < 1e-6)
        #expect(found.reverse < 1e-6)
    }

    @Test func equalRowsDoNotDiverge() {
        let p = logits(4099, seed: 5)
        let found = divergenceForward(p.span, p.span)
        #expect(found.forward == 0)
        #expect(found.reverse == 0)
    }

    @Test func excludedTokensAreMasked() {
        let both: [Float] = [1, -.infinity, 2, -.infinity, 3, 0, 0, 0, -.infinity]
        let other: [Float] = [2, -.infinity, 1, -.infinity, 3, 1, 0, 0, -.infinity]
        #expect(
            abs(divergenceForward(both.span, other.span).forward - divergence(both, other)) < 1e-6)
        // What p allows and q excludes makes KL(p ‖ q) infinite, and the reverse a number.
        let excluding: [Float] = [1, -.infinity, 2, -.infinity, 3, 0, 0, -.infinity, -.infinity]
        let found = divergenceForward(both.span, excluding.span)
        #expect(found.forward == .infinity)
        #expect(abs(found.reverse - divergence(excluding, both)) < 1e-6)
    }

    @Test func aRowThatIsNoDistributionIsInfinitelyFar() {
        let p: [Float] = [0, 1, 2]
        let none: [Float] = [.nan, 1, 2]
        #expect(divergenceForward(p.span, none.span).forward == .infinity)
        #expect(divergenceForward(none.span, p.span).forward == .infinity)
    }

    @Test(arguments: lengths) func theFirstOfTheLargestIsFound(count: Int) {
        var row = logits(count, seed: 6)
        let place = count / 2
        row[place] = 1e6
        row[count - 1] = 1e6
        #expect(indexOfLargest(row.span) == place)
    }
}
