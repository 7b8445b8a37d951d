import Foundation
import Testing
import Transformer

@testable import Tuning

/// How often an interval holds the truth, where the truth is known.
@Suite struct IntervalCoverageTests {
    private static let repetitions = 800

    @Test(arguments: SimulatedStudy.effects, SimulatedStudy.sizes)
    func intervalsCoverWhatTheySay(
        _ effects: SimulatedStudy.Effects, _ size: SimulatedStudy.Size
    ) throws {
        var study = SimulatedStudy(effects, size, seed: 1)
        let strata = study.strata
        var covered = 0
        var coveredOfTwelve = 0
        for _ in 0..<Self.repetitions {
            let bootstrap = try #require(
                HierarchicalBootstrap(study.rows(), strata: strata))
            if bootstrap.interval(0.05).holds(study.truth) { covered += 1 }
            if bootstrap.interval(0.05 / 12).holds(study.truth) { coveredOfTwelve += 1 }
        }
        let coverage = Double(covered) / Double(Self.repetitions)
        #expect((0.93...0.98).contains(coverage))
        // As Holm's correction leaves it for the first of twelve claims: 99.58 %.
        #expect(Double(coveredOfTwelve) / Double(Self.repetitions) >= 0.991)
    }
}

extension HierarchicalBootstrap.Interval {
    func holds(_ value: Double) -> Bool { lower <= value && value <= upper }
}

/// Differences drawn from a model with known effects.
struct SimulatedStudy {
    /// Standard deviations of what is drawn; each probe has 0.8 and each couple 0.4 of its own, and each seed with a probe
    /// 0.4.
    struct Effects: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var seed = 0.0
        var topic = 0.0
        var seedInTopic = 0.0
        /// Probes' own part is from an exponential distribution.
        var isSkewed = false
        /// Values are differences of two 0 or 1.
        var isShare = false
    }

    /// With fewer than five topics, theirs are the same in every repetition.
    struct Size: Sendable, CustomTestStringConvertible {
        let seeds: Int
        let topics: Int
        let couples: Int

        var testDescription: String { "\(seeds) seeds, \(topics) topics of \(couples) couples" }
    }

    static let effects = [
        Effects(testDescription: "probes alone"),
        Effects(testDescription: "seeds", seed: 0.2),
        Effects(testDescription: "topics", topic: 0.5),
        Effects(testDescription: "seeds, topics", seed: 0.2, topic: 0.5),
        Effects(testDescription: "seeds in topics", seed: 0.2, topic: 0.5, seedInTopic: 0.4),
        Effects(testDescription: "skewed probes", isSkewed: true),
        Effects(testDescription: "skewed, seeds, topics", seed: 0.2, topic: 0.5, isSkewed: true),
        Effects(testDescription: "shares", isShare: true),
        Effects(
            testDescription: "shares, seeds in topics", seed: 0.2, topic: 0.5, seedInTopic: 0.3,
            isShare: true),
    ]

    static let sizes = [
        Size(seeds: 8, topics: 13, couples: 2), Size(seeds: 8, topics: 8, couples: 2),
        Size(seeds: 3, topics: 13, couples: 2), Size(seeds: 1, topics: 13, couples: 2),
        Size(seeds: 8, topics: 3, couples: 6),
    ]

    private let effects: Effects
    private let size: Size
    private let fixedTopics: [Double]
    private var random: Xoshiro256

    init(_ effects: Effects, _ size: Size, seed: UInt64) {
        // The figures for one seed are for that seed alone.
        var effects = effects
        if size.seeds == 1 { (effects.seed, effects.seedInTopic) = (0, 0) }
        self.effects = effects
        self.size = size
        random = Xoshiro256(seed: seed)
        fixedTopics = size.topics < 5 ? (0..<size.topics).map { Double($0 - 1) } : []
    }

    var strata: [Stratum] {
        (0..<size.topics).flatMap { topic in
            (0..<size.couples * 2).map {
                Stratum(topic: "\(topic)", couple: "\(topic) \($0 / 2)")
            }
        }
    }

    /// What differences are above 0 on average.
    private static let effect = 0.3

    /// Shares are of a latent value above 0, which has this mean before.
    private static let before = -0.2

    private static let (ofProbes, ofCouples, ofRest) = (0.8, 0.4, 0.4)

    var truth: Double {
        guard effects.isShare else { return Self.effect + fixedShift }
        let own = [Self.ofProbes, Self.ofCouples, Self.ofRest].reduce(0) { $0 + $1 * $1 }
        let drawn = [effects.seed, effects.seedInTopic, fixedTopics.isEmpty ? effects.topic : 0]
            .reduce(own) { $0 + $1 * $1 }
        let shifts = fixedTopics.isEmpty ? [0] : fixedTopics.map { $0 * effects.topic }
        let after = shifts.map {
            Self.share(above: (Self.before + Self.effect + $0) / drawn.squareRoot())
        }
        return Statistics.mean(after) - Self.share(above: Self.before / own.squareRoot())
    }

    private var fixedShift: Double { Statistics.mean(fixedTopics) * effects.topic }

    /// Of the standard normal distribution, below a value.
    private static func share(above value: Double) -> Double { erfc(-value / 2.0.squareRoot()) / 2 }

    /// By seed, the differences of the probes.
    mutating func rows() -> [[Double]] {
        let seeds = (0..<size.seeds).map { _ in effects.seed * normal() }
        var rows = [[Double]](repeating: [], count: size.seeds)
        for topic in 0..<size.topics {
            let ofTopic = effects.topic * (fixedTopics.isEmpty ? normal() : fixedTopics[topic])
            let ofSeeds = seeds.map { $0 + effects.seedInTopic * normal() + ofTopic }
            for _ in 0..<size.couples {
                let ofCouple = Self.ofCouples * normal()
                for _ in 0..<2 {
                    let own = ofCouple + Self.ofProbes * (effects.isSkewed ? skewed() : normal())
                    for seed in rows.indices { rows[seed].append(value(own, ofSeeds[seed])) }
                }
            }
        }
        return rows
    }

    private mutating func value(_ own: Double, _ ofSeed: Double) -> Double {
        let rest = Self.ofRest * normal()
        guard effects.isShare else { return own + ofSeed + Self.effect + rest }
        let before = own + Self.before + Self.ofRest * normal()
        let after = own + ofSeed + Self.before + Self.effect + rest
        return (after > 0 ? 1 : 0) - (before > 0 ? 1 : 0)
    }

    /// Of mean 0 and deviation 1 (Box and Muller 1958).
    private mutating func normal() -> Double {
        (-2 * log(1 - random.nextUnit())).squareRoot() * cos(2 * Double.pi * random.nextUnit())
    }

    /// Of mean 0, deviation 1 and skewness 2.
    private mutating func skewed() -> Double { -log(1 - random.nextUnit()) - 1 }
}
