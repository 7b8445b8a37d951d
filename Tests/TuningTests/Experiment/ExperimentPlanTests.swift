import Testing

@testable import Tuning

@Suite struct ExperimentPlanTests {
    private func plan(_ extent: ExperimentPlan.Extent, leansPositive: Bool = true) -> ExperimentPlan
    {
        ExperimentPlan(extent, leansPositive: leansPositive, ExperimentOptions())
    }

    @Test func theWholePlanHasEightSeedsWhereClaimsAreDecided() {
        let runs = plan(.all).runs
        for condition in Condition.all {
            let expected =
                !condition.isTuned
                ? 1 : condition.method == .both || condition.method == .token ? 8 : 3
            let seeds = runs.filter { $0.condition == condition }.map(\.seed)
            #expect(seeds == Array(0..<expected), "\(condition.name)")
        }
        #expect(plan(.all).hasDoses && plan(.all).omission == nil)
    }

    @Test func everyExtentIsPartOfTheOneBefore() {
        let cost = ExperimentCost(
            training: 4000, validation: 3000, heldOut: 6000, unseenForm: 3000, steered: 3000,
            matching: 6000, reported: 24_000, free: 1000, rates: 2, blockChoices: 2)
        let plans = ExperimentPlan.Extent.allCases.map { plan($0) }
        for (larger, smaller) in zip(plans, plans.dropFirst()) {
            #expect(Set(smaller.runs).isSubset(of: larger.runs))
            #expect(cost.tokens(of: smaller, without: []) < cost.tokens(of: larger, without: []))
            #expect(smaller.omission != nil)
        }
        #expect(plans.last?.runs.allSatisfy { !$0.condition.isTuned } ?? false)
        // What was measured already takes no time.
        let all = plans[0]
        #expect(
            cost.tokens(of: all, without: Set(all.runs.prefix(10)))
                < cost.tokens(of: all, without: []))
    }

    @Test func oneSideIsTheOneThatTheModelDoesNotLeanTo() {
        for leansPositive in [true, false] {
            let tuned = plan(.oneSide, leansPositive: leansPositive).runs.map(\.condition)
                .filter(\.isTuned)
            #expect(!tuned.isEmpty && tuned.allSatisfy { $0.isPositive != leansPositive })
        }
    }

    @Test func recipesDifferWhereThePageSays() {
        let (ours, paper) = (Recipe(.ours), Recipe(.paper))
        #expect(ours.blockChoices(of: 30) == [10...15, 15...20])
        // Blocks 11 to 17 of 40.
        #expect(paper.blockChoices(of: 40) == [11...17])
        #expect(paper.tuning.gradientLimit == nil && ours.tuning.gradientLimit == 1)
        #expect(paper.learningRates == [1e-5] && paper.tokenShare == 0.1)
        #expect(
            paper.tuning.epochs == 3 && paper.tuning.batchSize == 4 && paper.tokenBatchSize == 2)
        #expect(paper.tuning.optimizer.epsilon == 1e-4 && paper.tuning.optimizer.weightDecay == 0.1)
        #expect(paper.tuning.earlyStop == .init(patience: 10, minimumSteps: 80))
        #expect(paper.tuning.schedule == LearningRateSchedule(.linear, warmUp: 10))
        #expect(paper.isValidated && paper.tunesNorms && paper.keepsBothCompletions)
        #expect(paper.tokenWeight == 0.01 && ours.tokenWeight == 0.01)
    }
}
