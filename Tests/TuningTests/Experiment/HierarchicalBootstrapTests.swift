import Testing
import Transformer

@testable import Tuning

@Suite struct HierarchicalBootstrapTests {
    private static func rows(seeds: Int, probes: Int) -> [[Double]] {
        (0..<seeds).map { seed in
            (0..<probes).map { probe -> Double in
                let own = Double((seed * 7 + probe * 5) % 11) * 0.25
                return own + 0.1 * Double(probe) - 0.3 * Double(seed)
            }
        }
    }

    private static func strata(_ topics: [String?], _ couples: [String?] = []) -> [Stratum] {
        topics.indices.map {
            Stratum(topic: topics[$0], couple: couples.isEmpty ? nil : couples[$0])
        }
    }

    private static func isNear(_ value: Double, _ expected: Double) -> Bool {
        abs(value - expected) <= 1e-9 * abs(expected)
    }

    /// Against the formulas of the documentation in numpy 1.26.4 and scipy 1.17.1.
    @Test func topicsOfUnequalSizesAreWeighed() throws {
        let topics = ["a", "a", "b", "b", "c", "c", "d", "d", "e"]
        let bootstrap = try #require(
            HierarchicalBootstrap(Self.rows(seeds: 3, probes: 9), strata: Self.strata(topics)))
        #expect(Self.isNear(bootstrap.estimate, 1.35))
        #expect(Self.isNear(bootstrap.standardError, 0.259_335_941_583_527_8))
        #expect(bootstrap.seedCount == 3 && bootstrap.topicCount == 5 && !bootstrap.topicsAreFixed)
        let wide = bootstrap.interval(0.05)
        #expect(Self.isNear(wide.upper - 1.35, 0.907_517_921_870_937_8))
        #expect(Self.isNear(1.35 - wide.lower, 0.907_517_921_870_937_8))
        #expect(
            Self.isNear(bootstrap.interval(0.05 / 12).upper - 1.35, 2.819_192_353_818_227))
    }

    @Test func fewTopicsAreFixedAndCouplesDrawnWithinThem() throws {
        let strata = Self.strata(
            ["a", "a", "a", "a", "a", "b", "b", "b"],
            ["x", "x", "y", "y", nil, "z", "z", nil])
        let bootstrap = try #require(
            HierarchicalBootstrap(Self.rows(seeds: 3, probes: 8), strata: strata))
        #expect(bootstrap.topicsAreFixed && bootstrap.topicCount == 2)
        #expect(Self.isNear(bootstrap.standardError, 0.231_847_551_468_935_18))
        let interval = bootstrap.interval(0.05)
        #expect(Self.isNear(interval.upper - bootstrap.estimate, 0.952_715_854_586_305_8))
    }

    @Test func withoutLabelsProbesAreTheUnits() throws {
        let rows = [[1.0, 2, 4, 9]]
        let bootstrap = try #require(
            HierarchicalBootstrap(rows, strata: Self.strata([nil, nil, nil, nil])))
        // A mean's usual standard error, and Student's interval with 3 degrees of freedom.
        let error = (Statistics.variance(rows[0]) / 4).squareRoot()
        #expect(Self.isNear(bootstrap.standardError, error))
        #expect(
            Self.isNear(bootstrap.interval(0.05).upper, 4 + 3.182_446_305_283_708_5 * error))
    }

    @Test func aTopicOfOneProbeIsNoGroup() throws {
        let bootstrap = try #require(
            HierarchicalBootstrap([[1, 2, 4, 9]], strata: Self.strata(["a", "a", "a", "b"])))
        let plain = try #require(
            HierarchicalBootstrap([[1, 2, 4, 9]], strata: Self.strata(["a", "a", "a", "a"])))
        #expect(bootstrap.standardError == plain.standardError)
    }

    @Test func oneProbeLeavesTheSeeds() throws {
        let bootstrap = try #require(
            HierarchicalBootstrap([[1], [2], [6]], strata: Self.strata(["a"])))
        #expect(Self.isNear(bootstrap.standardError, (7.0 / 3).squareRoot()))
    }

    @Test func whatCannotBeSaidIsNil() {
        let two = Self.strata(["a", "b"])
        #expect(HierarchicalBootstrap([], strata: two) == nil)
        #expect(HierarchicalBootstrap([[]], strata: []) == nil)
        #expect(HierarchicalBootstrap([[1]], strata: Self.strata(["a"])) == nil)
        #expect(HierarchicalBootstrap([[1, 2], [1]], strata: two) == nil)
        #expect(HierarchicalBootstrap([[1, 2, 3]], strata: two) == nil)
        #expect(HierarchicalBootstrap([[1, .nan]], strata: two) == nil)
        #expect(HierarchicalBootstrap([[1, .infinity]], strata: two) == nil)
        let couple = [Stratum](repeating: Stratum(topic: nil, couple: "x"), count: 2)
        #expect(HierarchicalBootstrap([[1, 2]], strata: couple) == nil)
    }

    @Test func intervalsAreNestedAndLevelsTheirInverse() throws {
        let topics = ["a", "a", "b", "b", "c", "c", "d", "d", "e"]
        let bootstrap = try #require(
            HierarchicalBootstrap(Self.rows(seeds: 3, probes: 9), strata: Self.strata(topics)))
        var last = bootstrap.interval(1e-9)
        for level in [1e-6, 0.001, 0.01, 0.05, 0.2, 0.7, 1] {
            let interval = bootstrap.interval(level)
            #expect(last.lower < interval.lower && interval.upper < last.upper)
            let reach = interval.upper - bootstrap.estimate
            if level < 1 {
                #expect(abs(bootstrap.smallestLevel(within: reach) / level - 1) < 1e-8)
            }
            last = interval
        }
        #expect(last.lower == last.upper)
        #expect(bootstrap.smallestLevel(within: 0) == 1)
        #expect(bootstrap.smallestLevel(within: 1e300) == 0)
    }

    @Test func equalDifferencesHaveNoWidth() throws {
        let rows = [[Double]](repeating: [Double](repeating: 0, count: 6), count: 2)
        let strata = Self.strata(["a", "b", "c", "d", "e", "f"])
        let bootstrap = try #require(HierarchicalBootstrap(rows, strata: strata))
        #expect(bootstrap.interval(0.001) == HierarchicalBootstrap.Interval(lower: 0, upper: 0))
        #expect(bootstrap.smallestLevel(within: 0.1) == 0)
    }

    /// The closed forms are what resampling tends to.
    @Test func variancesAreThoseOfResampling() throws {
        let topics = ["a", "a", "b", "b", "c", "c", "d", "d", "e", "e"]
        let rows = Self.rows(seeds: 4, probes: 10)
        let components = VarianceComponents(rows, ProbeClusters(Self.strata(topics)))
        let seeds = try #require(components.seeds).variance * 3 / 4
        let clusters = try #require(components.clusters).variance * 4 / 5
        let rest = components.interaction * 3 / 4 * 4 / 5
        for (drawsSeeds, drawsTopics, limit) in [
            (true, false, seeds), (false, true, clusters), (true, true, seeds + clusters + rest),
        ] {
            let resampled = resampledVariance(rows, seeds: drawsSeeds, topics: drawsTopics)
            #expect(abs(resampled / limit - 1) < 0.05)
        }
    }

    /// Over topics of two probes each.
    private func resampledVariance(_ rows: [[Double]], seeds: Bool, topics: Bool) -> Double {
        var random = Xoshiro256(seed: 11)
        let means = (0..<8000).map { _ in
            let ofSeeds = rows.indices.map { seeds ? random.next(below: rows.count) : $0 }
            let ofTopics = (0..<5).map { topics ? random.next(below: 5) : $0 }
            return ofSeeds.reduce(0) { sum, seed in
                ofTopics.reduce(sum) { $0 + rows[seed][2 * $1] + rows[seed][2 * $1 + 1] }
            } / 40
        }
        return Statistics.variance(means)
    }
}
