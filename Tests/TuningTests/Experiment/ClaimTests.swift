import Formats
import Testing

@testable import Tuning

@Suite struct ClaimTests {
    private func claim(_ rows: [[Double]], smallest: Double = 0.5) -> Claim {
        Claim(
            question: .stronger, side: "cheerful", trait: "mood", measure: .logOdds,
            smallest: smallest, rows: rows,
            strata: (rows.first ?? []).indices.map {
                Stratum(topic: "topic \($0 % 8)", couple: nil)
            })
    }

    /// Differences around a centre that seeds and probes move a little.
    private func rows(around center: Double, spread: Double) -> [[Double]] {
        (0..<8).map { seed in
            (0..<40).map { probe -> Double in
                let step = (probe * 7 + seed % 2) % 11 - 5
                return center + spread * Double(step) / 5
            }
        }
    }

    @Test func verdictsNeedDifferencesThatMatter() {
        let judged = JudgedClaim.all([
            claim(rows(around: 2, spread: 1)), claim(rows(around: -2, spread: 1)),
            claim(rows(around: 0.0003, spread: 0.0001)), claim(rows(around: 0.3, spread: 8)),
        ])
        #expect(judged.map(\.judgement.verdict) == [.holds, .fails, .equivalent, .undecided])
        #expect(abs(judged[0].difference - 2) < 0.05)
    }

    @Test func recordsReadBackAsTheyWere() throws {
        let record = ExperimentRecord(
            condition: Condition(.both, isPositive: false), seed: 2, strength: 0.75, cost: 0.0953,
            isMatched: true, heldOut: [1, -2.5], unseenForm: [0.25], steeredUp: [3],
            steeredDown: [-3], textLosses: [2.5, 2.75], textWindows: [4, 9], divergence: 0.125,
            cosines: [3: 0.5, 4: -0.5],
            doses: [.init(strength: 0.5, cost: 0.02, logOdds: -1)], freeTextScore: nil,
            freeTexts: ["so \"it\" is"])
        #expect(
            ExperimentRecord(record.json, condition: record.condition, seed: record.seed) == record)
        for key in ["cosines", "text_windows", "is_matched", "dose_costs"] {
            var broken = record.json
            broken[key] = nil
            #expect(ExperimentRecord(broken, condition: record.condition, seed: 2) == nil)
        }
    }
}
