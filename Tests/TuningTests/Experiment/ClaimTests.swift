import Formats
import Testing

@testable import Tuning

@Suite struct ClaimTests {
    @Test func intervalsHoldTheMeanAndAreTheSameEveryTime() throws {
        let rows = (0..<3).map { seed in (0..<50).map { Double(($0 * 7 + seed * 3) % 11) } }
        let mean = Statistics.mean(rows.flatMap { $0 })
        let interval = try #require(Statistics.interval(rows))
        #expect(interval.lower < mean && mean < interval.upper)
        #expect(Statistics.interval(rows) == interval)
    }

    @Test func recordsReadBackAsTheyWere() throws {
        let record = ExperimentRecord(
            condition: Condition(.both, isPositive: false), seed: 2, heldOut: [1, -2.5],
            unseenForm: [0.25], steeredUp: [3], steeredDown: [-3], textLosses: [2.5, 2.75],
            divergence: 0.125, cosines: [3: 0.5, 4: -0.5], freeTextScore: nil,
            sample: "so \"it\" is")
        #expect(
            ExperimentRecord(record.json, condition: record.condition, seed: record.seed) == record)
        var broken = record.json
        broken["cosines"] = nil
        #expect(ExperimentRecord(broken, condition: record.condition, seed: 2) == nil)
    }
}
