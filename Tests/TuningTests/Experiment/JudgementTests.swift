import Foundation
import Testing
import Transformer

@testable import Tuning

@Suite struct JudgementTests {
    private static let topics = (0..<13).map { Stratum(topic: "\($0)", couple: nil) }

    /// One seed and a probe for each of 13 topics, whose mean is the given one and its standard error `error`.
    private func difference(_ mean: Double, error: Double) throws -> HierarchicalBootstrap {
        let shape = (0..<13).map { Double($0 - 6) }
        let scale = error / (Statistics.variance(shape) / 13).squareRoot()
        return try #require(
            HierarchicalBootstrap([shape.map { mean + scale * $0 }], strata: Self.topics))
    }

    private static let claims: [(Double, Double, Double, Judgement.Verdict)] = [
        (1.0, 0.2, 0.3, .holds), (-1, 0.2, 0.3, .fails), (0.02, 0.05, 0.3, .equivalent),
        (0.1, 0.02, 0.3, .equivalent), (0.2, 0.2, 0.3, .undecided), (0.01, 0.2, 0.3, .undecided),
        (0.3, 0.1, 0.3, .holds), (0, 0, 0.3, .equivalent), (1, 0, 0.3, .holds),
    ]

    @Test(arguments: claims)
    func oneClaimIsReadFromItsInterval(
        _ mean: Double, _ error: Double, _ delta: Double, _ verdict: Judgement.Verdict
    ) throws {
        let difference = try difference(mean, error: error)
        let judgement = try #require(Judgement.all([(difference, delta)]).first)
        #expect(judgement.verdict == verdict)
        #expect(judgement.interval == difference.interval(0.05))
        #expect((judgement.adjustedLevel <= 0.05) == (verdict != .undecided))
    }

    @Test(arguments: [1e-6, 1e-5, 1e-4, 3e-4, 0.01, 1])
    func differencesThatMatterToNobodyNeverHold(_ error: Double) throws {
        for others in 0..<12 {
            // However many other claims hold and leave their part of α.
            let clear = try difference(1, error: 0.01)
            let questions: [Judgement.Question] =
                [(try difference(0.0003, error: error), 0.05)]
                + [Judgement.Question](repeating: (clear, 0.05), count: others)
            let judgements = Judgement.all(questions)
            #expect([.equivalent, .undecided].contains(judgements[0].verdict))
            #expect(judgements.dropFirst().allSatisfy { $0.verdict == .holds })
        }
    }

    @Test func claimsThatHoldLeaveTheirLevelToOthers() throws {
        // Its own level is 0.03: too large for one of two claims, unless the other one holds.
        let weak = try difference(1, error: 1 / 2.46)
        let clear = try difference(1, error: 0.01)
        let silent = try difference(0, error: 1)
        #expect(Judgement.all([(weak, 0.1), (clear, 0.1)])[0].verdict == .holds)
        #expect(Judgement.all([(weak, 0.1), (silent, 0.1)])[0].verdict == .undecided)
        let judgements = Judgement.all([(silent, 0.1), (weak, 0.1), (clear, 0.1)])
        #expect(judgements.map(\.verdict) == [.undecided, .undecided, .holds])
        #expect(judgements[2].interval == clear.interval(0.05 / 3))
        #expect(judgements[0].interval == silent.interval(0.05 / 2))
    }

    @Test func whatCannotBeSaidIsUndecided() {
        let judgement = Judgement.all([(nil, 0.1)])[0]
        #expect(judgement.verdict == .undecided && judgement.adjustedLevel == 1)
        #expect(judgement.interval == nil)
        #expect(Judgement.all([]).isEmpty)
    }

    @Test func withoutASmallestEffectNothingIsEquivalent() throws {
        let judgement = Judgement.all([(try difference(0.0001, error: 1), 0)])[0]
        #expect(judgement.verdict == .undecided)
    }

    /// Pages of twelve claims: all without effect, half of them, or all at the smallest effect of interest, which is as many
    /// standard errors as given.
    @Test(arguments: [0, 6, 12], [2.0, 4, 5])
    func errorsOfAPageAreAsRareAsPromised(_ effects: Int, _ errors: Double) throws {
        var random = Xoshiro256(seed: 5)
        let delta = errors / 13.0.squareRoot()
        let pages = 500
        var (wrongDifferences, wrongEquivalences) = (0, 0)
        for _ in 0..<pages {
            let questions: [Judgement.Question] = (0..<12).map { claim in
                let truth = claim < effects ? delta : 0
                let row = Self.topics.map { _ in truth + Self.normal(&random) }
                return (HierarchicalBootstrap([row], strata: Self.topics), delta)
            }
            let verdicts = Judgement.all(questions).map(\.verdict)
            let (real, null) = (verdicts.prefix(effects), verdicts.dropFirst(effects))
            if null.contains(where: { $0 == .holds || $0 == .fails }) || real.contains(.fails) {
                wrongDifferences += 1
            }
            if real.contains(.equivalent) { wrongEquivalences += 1 }
        }
        // Three standard deviations of what is counted above what is promised.
        #expect(Double(wrongDifferences) / Double(pages) <= 0.05 + 0.029)
        #expect(Double(wrongEquivalences) / Double(pages) <= 0.025 + 0.021)
    }

    private static func normal(_ random: inout Xoshiro256) -> Double {
        (-2 * log(1 - random.nextUnit())).squareRoot() * cos(2 * Double.pi * random.nextUnit())
    }
}
