import Formats
import Foundation

import Testing

@testable import Transformer

@Suite struct GenerationSamplerTests {
    static let logits: [Float] = [1, 3, -2, 3, 0.5, -.infinity, .nan]

    static func counts(_ options: SamplingOptions, draws: Int) throws -> [Int] {
        var sampler = try Sampler(options)
        var counts = [Int](repeating: 0, count: logits.count)
        for _ in 0..<draws { counts[try sampler.choose(from: logits.span)] += 1 }
        return counts
    }

    @Test func greedyTakesTheLowestOfEquals() throws {
        #expect(try Self.counts(SamplingOptions(), draws: 3) == [0, 3, 0, 0, 0, 0, 0])
    }

    @Test func samplingFollowsTheDistribution() throws {
        let draws = 40_000
        let found = try Self.counts(SamplingOptions(temperature: 1, seed: 5), draws: draws)
        // exp(logit − 3), normalised by hand.
        let expected = [0.06085, 0.44961, 0.00303, 0.44961, 0.03690, 0, 0]
        for (count, probability) in zip(found, expected) {
            let deviation = (Double(draws) * probability * (1 - probability)).squareRoot()
            #expect(abs(Double(count) - Double(draws) * probability) <= 4 * deviation + 1)
        }
    }

    @Test func temperatureSharpensAndFlattens() throws {
        let sharp = try Self.counts(SamplingOptions(temperature: 0.1, seed: 1), draws: 2000)
        #expect(sharp[1] + sharp[3] == 2000)
        let flat = try Self.counts(SamplingOptions(temperature: 100, seed: 1), draws: 2000)
        #expect(flat[...4].allSatisfy { $0 > 300 })
        #expect(flat[5] == 0 && flat[6] == 0)
    }

    @Test func topKKeepsTheMostLikelyTheLowerIdFirst() throws {
        let one = try Self.counts(SamplingOptions(temperature: 1, topK: 1), draws: 50)
        #expect(one[1] == 50)
        let three = try Self.counts(SamplingOptions(temperature: 5, topK: 3), draws: 500)
        #expect(three[0] > 0 && three[1] > 0 && three[3] > 0)
        #expect(three[0] + three[1] + three[3] == 500)
    }

    @Test func topPKeepsTheFewestThatReachTheSum() throws {
        let half = try Self.counts(SamplingOptions(temperature: 1, topP: 0.44), draws: 300)
        #expect(half[1] == 300)
        let both = try Self.counts(SamplingOptions(temperature: 1, topP: 0.89), draws: 300)
        #expect(both[1] + both[3] == 300)
        let most = try Self.counts(SamplingOptions(temperature: 1, topP: 0.95), draws: 3000)
        #expect(most[0] > 0 && most[4] == 0)
    }

    /// Against sorting everything: what survives is a prefix of the order by logit and id.
    @Test(arguments: [(1, 1.0), (17, 1.0), (0, 0.3), (0, 0.9), (40, 0.5)])
    func cutsKeepAPrefixOfTheSortedTokens(_ cut: (topK: Int, topP: Double)) throws {
        var random = Xoshiro256(seed: 11)
        let logits = (0..<300).map { _ in Float((random.nextUnit() * 20).rounded()) / 4 }
        let order = logits.indices.sorted {
            logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1
        }
        let largest = logits[order[0]]
        var weights = order.map { exp(Double(logits[$0] - largest) / 2) }
        if cut.topK > 0 { weights = Array(weights.prefix(cut.topK)) }
        let wanted = cut.topP * weights.reduce(0, +)
        var (kept, sum) = (0, 0.0)
        while kept < weights.count, sum < wanted - 1e-9 {
            sum += weights[kept]
            kept += 1
        }
        var sampler = try Sampler(
            SamplingOptions(temperature: 2, topK: cut.topK, topP: cut.topP, seed: 3))
        var seen: Set<Int> = []
        for _ in 0..<20_000 { seen.insert(try sampler.choose(from: logits.span)) }
        #expect(seen.isSubset(of: order.prefix(kept)))
        #expect(seen.count > kept * 9 / 10)
    }

    @Test func theSeedDecidesTheTokens() throws {
        func draw(_ seed: UInt64) throws -> [Int] {
            var sampler = try Sampler(SamplingOptions(temperature: 1, seed: seed))
            return try (0..<50).map { _ in
                let chosen = try sampler.choose(from: Self.logits.span)
                return chosen
            }
        }
        #expect(try draw(1) == draw(1))
        #expect(try draw(1) != draw(2))
    }

    @Test func logitsWithoutANumberAreRefused() throws {
        var sampler = try Sampler(SamplingOptions(temperature: 1))
        let hopeless: [Float] = [.nan, -.infinity]
        #expect(throws: SamplingError.noLikelyToken(vocabularySize: 2)) {
            _ = try sampler.choose(from: hopeless.span)
        }
        let infinite: [Float] = [0, .infinity, .infinity]
        let chosen = try sampler.choose(from: infinite.span)
        #expect(chosen == 1)
    }

    @Test func optionsOutOfRangeAreRefused() {
        let bad = [
            SamplingOptions(temperature: -1), SamplingOptions(temperature: .nan),
            SamplingOptions(topK: -1),
            SamplingOptions(topP: 0), SamplingOptions(topP: 1.5), SamplingOptions(topP: .nan),
        ]
        for options in bad {
            #expect(throws: SamplingError.self) { try Sampler(options) }
        }
    }

    /// First outputs of the published reference implementations.
    @Test func generatorsGiveThePublishedNumbers() {
        var splitMix = SplitMix64(seed: 0)
        #expect(splitMix.next() == 0xE220_A839_7B1D_CDAF)
        #expect(splitMix.next() == 0x6E78_9E6A_A1B9_65F4)
        var xoshiro = Xoshiro256(seed: 0)
        #expect(xoshiro.next() == 0x99EC_5F36_CB75_F2B4)
        #expect((0..<1000).allSatisfy { _ in (0..<1).contains(xoshiro.nextUnit()) })
    }
}
