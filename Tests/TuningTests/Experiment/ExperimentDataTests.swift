import Formats
import TestSupport
import Testing

@testable import Tuning

/// What an experiment draws is spread over the whole of a trait's data.
@Suite struct ExperimentDataTests {
    private static let traits = [
        "mood/trait.json", "honesty/trait.json", "traits/formality/trait.json",
    ]

    /// Every topic and couple has its share of a sample, within one.
    private func expectShares(
        _ sample: [Stratum], of all: [Stratum], _ key: (Stratum) -> String?
    ) {
        let whole = Dictionary(grouping: all.compactMap(key), by: \.self).mapValues(\.count)
        let drawn = Dictionary(grouping: sample.compactMap(key), by: \.self).mapValues(\.count)
        for (name, count) in whole {
            let share = Double(count * sample.count) / Double(all.count)
            #expect(abs(Double(drawn[name] ?? 0) - share) < 2, "\(name)")
        }
    }

    @Test(arguments: traits)
    func samplesHaveTheSharesOfTheWhole(path: String) throws {
        let trait = try Trait(Samples.path(path))
        for seed in [0, 1, 2] as [UInt64] {
            var options = ExperimentOptions()
            options.seed = seed
            let sample = ExperimentSample(of: trait, options)
            expectShares(sample.pairs.map(\.stratum), of: trait.pairs.map(\.stratum), \.topic)
            expectShares(sample.pairs.map(\.stratum), of: trait.pairs.map(\.stratum), \.couple)
            expectShares(
                sample.validation.map(\.stratum), of: trait.validation.map(\.stratum), \.topic)
            let heldOut = trait.heldOut.map(\.stratum)
            expectShares(sample.steered.map { heldOut[$0] }, of: heldOut, \.topic)
            let train = trait.train.map(\.stratum)
            for run in 0..<3 {
                expectShares(sample.training(seed: run).map { train[$0] }, of: train, \.topic)
            }
        }
    }

    /// Ordered files are not read from their beginning.
    @Test(arguments: traits)
    func samplesAreNoPrefixesAndVaryWithTheSeed(path: String) throws {
        let trait = try Trait(Samples.path(path))
        let sample = ExperimentSample(of: trait, ExperimentOptions())
        for drawn in [sample.steered, sample.training(seed: 0)] {
            #expect(drawn != Array(0..<drawn.count))
            #expect(Set(drawn).count == drawn.count)
        }
        #expect(sample.training(seed: 0) == sample.training(seed: 0))
        #expect(sample.training(seed: 0) != sample.training(seed: 1))
        var options = ExperimentOptions()
        options.seed = 1
        #expect(ExperimentSample(of: trait, options).steered != sample.steered)
    }

    @Test func windowsAreDrawnFromAllTextsAndServeOnePurpose() throws {
        var options = ExperimentOptions()
        (options.windowTokens, options.matchingTokens, options.textTokens) = (10, 100, 200)
        let texts = [("a", Array(0..<300)), ("b", Array(1000..<1205))].map {
            (file: $0.0, tokens: $0.1)
        }
        let text = try ExperimentText(texts, options)
        #expect(text.matching.count == 10 && text.reported.count == 20)
        let all = text.matching + text.reported
        #expect(Set(all.map { $0[0] }).count == 30)
        #expect(all.allSatisfy { $0.count == 10 && $0[9] - $0[0] == 9 })
        #expect(text.matching.contains { $0[0] >= 1000 } && text.matching.contains { $0[0] < 300 })
        #expect((0..<3).flatMap { text.part(of: $0, seeds: 3) }.sorted() == Array(0..<20))
        options.textTokens = 10_000
        #expect(throws: ExperimentError.self) { try ExperimentText(texts, options) }
    }
}
