import TestSupport
import Testing
import Transformer

@testable import Tuning

@Suite struct StratifiedSampleTests {
    /// By key, how many of the whole and of the chosen have it.
    private static func counts<Key: Hashable>(
        _ strata: [Stratum], _ chosen: [Int], _ key: (Stratum) -> Key?
    ) -> [Key: (all: Int, chosen: Int)] {
        var counts: [Key: (all: Int, chosen: Int)] = [:]
        for stratum in strata {
            if let key = key(stratum) { counts[key, default: (0, 0)].all += 1 }
        }
        for index in chosen {
            if let key = key(strata[index]) { counts[key]?.chosen += 1 }
        }
        return counts
    }

    /// Keys whose number is one or more away from the proportional one.
    private static func strayed<Key: Hashable>(
        _ strata: [Stratum], _ chosen: [Int], _ key: (Stratum) -> Key?
    ) -> [Key] {
        counts(strata, chosen, key).filter {
            let share = Double($0.value.all * chosen.count) / Double(strata.count)
            return abs(Double($0.value.chosen) - share) >= 1
        }.map(\.key)
    }

    /// Training pairs of honesty: each question's topic is that of its fact.
    private static func pairStrata() throws -> [Stratum] {
        let facts = try Probe.read(Samples.path("honesty/facts-train.jsonl"))
        let topics = Dictionary(
            facts.compactMap { fact in fact.prompt.request.map { ($0, fact.category) } },
            uniquingKeysWith: { first, _ in first })
        return try ContrastPair.read(Samples.path("honesty/pairs-train.jsonl")).map { pair in
            let topic = pair.positive.request.flatMap { topics[$0] ?? nil }
            return Stratum(topic: pair.category ?? topic, couple: pair.stratum.couple)
        }
    }

    private static func factStrata() throws -> [Stratum] {
        try Probe.read(Samples.path("honesty/facts-train.jsonl")).map(\.stratum)
    }

    @Test(arguments: [40, 96, 150, 341])
    func pairsHaveTheSharesOfTopicsAndPersonas(_ count: Int) throws {
        let strata = try Self.pairStrata()
        #expect(Set(strata.map(\.couple)).count == 10 && Set(strata.map(\.topic)).count >= 6)
        for seed in 0..<20 as Range<UInt64> {
            let chosen = StratifiedSample.indices(of: strata, count: count, seed: seed)
            #expect(
                chosen.count == count && Set(chosen).count == count && chosen == chosen.sorted())
            #expect(Self.strayed(strata, chosen, \.topic).isEmpty)
            #expect(Self.strayed(strata, chosen, \.couple).isEmpty)
            // Within a topic too.
            #expect(Self.strayed(strata, chosen) { $0 }.isEmpty)
        }
    }

    @Test(arguments: [40, 96, 150])
    func prefixesHaveNot(_ count: Int) throws {
        let strata = try Self.pairStrata()
        let prefix = Array(0..<count)
        #expect(!Self.strayed(strata, prefix, \.topic).isEmpty)
        #expect(!Self.strayed(try Self.factStrata(), prefix, \.topic).isEmpty)
        // Nor have those of a file that is ordered by personas.
        let byPersona = strata.sorted { ($0.couple ?? "") < ($1.couple ?? "") }
        #expect(!Self.strayed(byPersona, prefix, \.couple).isEmpty)
    }

    @Test(arguments: [40, 97, 200])
    func factsHaveTheSharesOfTopicsAndWholeCouples(_ count: Int) throws {
        let strata = try Self.factStrata()
        for seed in 0..<20 as Range<UInt64> {
            let chosen = StratifiedSample.indices(of: strata, count: count, seed: seed)
            #expect(chosen.count == count)
            #expect(Self.strayed(strata, chosen, \.topic).isEmpty)
            #expect(Self.parted(strata, chosen) <= Set(strata.map(\.topic)).count)
        }
    }

    /// Couples of two in one topic of which one is chosen.
    private static func parted(_ strata: [Stratum], _ chosen: [Int]) -> Int {
        counts(strata, chosen) { $0.couple == nil ? nil : $0 }.values
            .count { $0.all == 2 && $0.chosen == 1 }
    }

    /// 5 topics of 20 couples of two and 10 others each.
    private static let twins = (0..<5).flatMap { topic in
        (0..<50).map {
            Stratum(topic: "topic \(topic)", couple: $0 < 40 ? "couple \(topic) \($0 / 2)" : nil)
        }
    }

    @Test(arguments: [25, 60, 125, 200])
    func couplesOfTwoStayTogether(_ count: Int) {
        var parted = 0
        for seed in 0..<40 as Range<UInt64> {
            let chosen = StratifiedSample.indices(of: Self.twins, count: count, seed: seed)
            #expect(Self.strayed(Self.twins, chosen, \.topic).isEmpty)
            let now = Self.parted(Self.twins, chosen)
            #expect(now <= 5)
            parted += now
        }
        // By lot alone 20 to 50 of 100 couples would be parted.
        #expect(Double(parted) / 40 <= 4)
    }

    @Test func everyItemHasTheSameChance() {
        // Topics of 9, 6, 4 and 3 items, without couples, with couples of two, of several topics, and of three.
        let couples: [[String?]] = [
            ["a", "a", "b", "b", "p", "q", nil, nil, nil], ["c", "c", "p", "p", "q", nil],
            ["p", "q", "q", nil], ["t", "t", "t"],
        ]
        let strata = couples.enumerated().flatMap { topic, couples in
            couples.map { Stratum(topic: topic == 3 ? nil : "\(topic)", couple: $0) }
        }
        for count in [5, 8, 15] {
            let repetitions = 3000
            var chosen = [Int](repeating: 0, count: strata.count)
            for seed in 0..<UInt64(repetitions) {
                let indices = StratifiedSample.indices(of: strata, count: count, seed: seed)
                #expect(indices.count == count)
                for index in indices { chosen[index] += 1 }
            }
            let chance = Double(count) / Double(strata.count)
            let deviation = (chance * (1 - chance) / Double(repetitions)).squareRoot()
            for number in chosen {
                #expect(abs(Double(number) / Double(repetitions) - chance) < 4 * deviation)
            }
        }
    }

    @Test func oneSeedGivesOneSample() throws {
        let strata = try Self.pairStrata()
        let first = StratifiedSample.indices(of: strata, count: 60, seed: 3)
        #expect(StratifiedSample.indices(of: strata, count: 60, seed: 3) == first)
        #expect(StratifiedSample.indices(of: strata, count: 60, seed: 4) != first)
    }

    @Test func endsAreAllAndNothing() {
        let strata = [Stratum](repeating: Stratum(topic: nil, couple: nil), count: 3)
        #expect(StratifiedSample.indices(of: strata, count: 3, seed: 0) == [0, 1, 2])
        #expect(StratifiedSample.indices(of: strata, count: 9, seed: 0) == [0, 1, 2])
        #expect(StratifiedSample.indices(of: strata, count: 0, seed: 0).isEmpty)
        #expect(StratifiedSample.indices(of: strata, count: -1, seed: 0).isEmpty)
        #expect(StratifiedSample.indices(of: [], count: 2, seed: 0).isEmpty)
    }
}
