import Formats
import Foundation
import Testing
import Transformer

@testable import Tuning

@Suite struct DivergenceTests {
    private let fixture: EvaluationFixture
    private let other: EvaluationFixture

    init() throws {
        fixture = try EvaluationFixture()
        other = try EvaluationFixture()
    }

    private func windows(_ length: Int, _ stride: Int) throws -> SlidingWindows {
        try SlidingWindows(
            length: length, stride: stride, limit: fixture.decoder.configuration.positionLimit)
    }

    /// KL(plain ‖ pushed) and the reverse after each of the tokens.
    private func naive(_ tokens: [Int]) throws -> [(forward: Double, reverse: Double)] {
        let plain = try fixture.logProbabilities(tokens)
        let pushed = try fixture.logProbabilities(tokens, fixture.push())
        func divergence(_ p: [Double], _ q: [Double]) -> Double {
            zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
        }
        return zip(plain, pushed).map { (divergence($0, $1), divergence($1, $0)) }
    }

    @Test func aModelDoesNotDivergeFromItself() throws {
        let result = try Divergence(
            from: other.decoder, to: fixture.decoder, text: fixture.text(90),
            windows: windows(40, 20))
        #expect(result.positions == 89)
        #expect(result.values.allSatisfy { $0 == 0 })
        #expect(result.reverseMean == 0)
        #expect(result.topAgreement == 1)
    }

    @Test func aTextIsComparedWhereItIsPredicted() throws {
        let tokens = fixture.text(60)
        let result = try Divergence(
            from: other.decoder, to: fixture.decoder, text: tokens, windows: windows(64, 32),
            interventions: fixture.push())
        let expected = try naive(tokens).dropLast()
        #expect(result.positions == 59)
        for (found, wanted) in zip(result.values, expected) {
            #expect(abs(found - wanted.forward) < 1e-5)
        }
        let reverse = expected.map(\.reverse).reduce(0, +) / 59
        #expect(abs(result.reverseMean - reverse) < 1e-5)
        #expect(result.mean > 0.01)
        #expect(result.topAgreement < 1)
        #expect(result.median <= result.percentile95)
        #expect(result.percentile95 <= result.largest)
        #expect(result.largest == result.values.max())
    }

    @Test func verificationTakesThePercentileByTheSameRule() {
        func comparison(_ steps: [Float]) -> LogitComparison {
            var comparison = LogitComparison()
            for step in steps { comparison.add(reference: [0, step], other: [0, 0]) }
            return comparison
        }
        let (middle, last) = (
            comparison([1]).largestDivergence, comparison([2]).largestDivergence
        )
        // Interpolated between neighbours: 0.95 of the way through three values lies at 1.9.
        #expect(abs(comparison([0, 2, 1]).percentile95 - (middle + 0.9 * (last - middle))) < 1e-12)
    }

    @Test func promptsAreComparedAfterEveryToken() throws {
        let prompts = [fixture.text(12), Array(fixture.text(30)[5...]), [7]]
        let result = try Divergence(
            from: other.decoder, to: fixture.decoder, prompts: prompts,
            interventions: fixture.push())
        let expected = try prompts.flatMap { try naive($0) }
        #expect(result.positions == 12 + 25 + 1)
        for (found, wanted) in zip(result.values, expected) {
            #expect(abs(found - wanted.forward) < 1e-5)
        }
    }

    @Test func aRunThatIsCutGivesTheSame() throws {
        let runs = [(31, 12), (7, 0), (3, 3), (20, 0)].map { count, first in
            Divergence.Run(tokens: fixture.text(count), first: first)
        }
        func compare(heldTokens: Int) throws -> Divergence {
            try Divergence(
                from: other.decoder, to: fixture.decoder, runs: runs,
                interventions: fixture.push(), heldLogits: heldTokens * fixture.vocabulary
            ) { _, _ in }
        }
        let whole = try compare(heldTokens: 1000)
        let cut = try compare(heldTokens: 7)
        #expect(whole.positions == 19 + 7 + 0 + 20)
        #expect(cut.positions == whole.positions)
        for (left, right) in zip(cut.values, whole.values) { #expect(abs(left - right) < 1e-5) }
    }

    @Test func tokenizersMustAgreeTokenByToken() throws {
        let definition = try fixture.checkpoint.tokenizer()
        try Divergence.checkVocabularies(model: definition, other: definition)
        var renamed = definition
        var texts = definition.tokens.indices.map { definition.tokens.text($0) }
        texts[5] += "x"
        renamed.tokens = ByteStringList(texts)
        #expect(throws: EvaluationError.vocabularyEntries(index: 5)) {
            try Divergence.checkVocabularies(model: definition, other: renamed)
        }
        texts.removeLast()
        renamed.tokens = ByteStringList(texts)
        #expect(
            throws: EvaluationError.vocabularySizes(model: texts.count + 1, other: texts.count)
        ) {
            try Divergence.checkVocabularies(model: definition, other: renamed)
        }
    }
}
