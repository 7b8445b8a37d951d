import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// What extraction recommends, on activations whose separation is known.
@Suite struct RecommendationTests {
    private let width = 8
    private let blockCount = 24

    /// Activations whose sides lie `distances` apart along the first axis in each block, with noise of deviation 1 about
    /// them, in a stream of a length of about 40.
    private func extraction(
        _ distances: [Int: Float], pairs: Int = 64, groups: Int? = nil, seed: UInt64 = 7,
        normalization: Normalization = .none, method: ExtractionMethod = .mean
    ) throws -> Extraction {
        var numbers = SeededGenerator(seed: seed)
        func noise() -> Float {
            (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &numbers) }
        }
        var samples: [Int: SampleMatrix] = [:]
        for block in distances.keys.sorted() {
            let half = (distances[block] ?? 0) / 2
            var matrix = SampleMatrix(width: width, rows: 2 * pairs)
            for row in 0..<2 * pairs {
                var values = (0..<width).map { _ in noise() }
                values[0] += row < pairs ? half : -half
                values[1] += 40
                matrix[row] = values[...]
            }
            samples[block] = matrix
        }
        return try Extraction(
            samples, groups: (0..<pairs).map { $0 % (groups ?? pairs) },
            places: (0..<pairs).map { "pairs.jsonl:\($0 + 1)" },
            blocks: distances.keys.sorted(), tokenCount: pairs,
            options: Extraction.Options(method: method, normalization: normalization),
            crew: WorkCrew(threads: 1), base: BaseIdentity(modelHint: "llama"))
    }

    private func profile(_ distance: (Int) -> Float) -> [Int: Float] {
        Dictionary(uniqueKeysWithValues: (0..<blockCount).map { ($0, distance($0)) })
    }

    /// The profile of a mood on SmolLM2, whose known good blocks lie about its step: it rises at 14, leads at 15 to 17, and
    /// falls off.
    @Test func theBestBlockLeadsWithItsNearEquals() throws {
        let known = profile { block in
            switch block {
            case ..<10: 0.5
            case 10..<13: 1.2
            case 13...15: 3.3
            default: 1.8
            }
        }
        let found = try extraction(known, pairs: 256).recommendation(blockCount: blockCount).get()
        #expect((13...15).contains(found.best))
        #expect(found.blocks == [13, 14, 15])
        // The vector's length is the distance, that of the stream some 40: 0.15 · 40 / (3 · 3.3).
        #expect((0.55...0.68).contains(found.strength))
        #expect(abs(found.push - RelativePush.usual) < 0.01)
    }

    @Test func unitVectorsAreRecommendedAtTheStrengthOfTheirLength() throws {
        let known = profile { $0 == 8 ? 4 : 0.4 }
        let long = try extraction(known).recommendation(blockCount: blockCount).get()
        let unit = try extraction(known, normalization: .unit)
            .recommendation(blockCount: blockCount).get()
        #expect(long.blocks == [8] && unit.blocks == [8])
        #expect(abs(Double(unit.strength) - 0.15 * 40) < 0.5)
        #expect(abs(unit.strength / long.strength - 4) < 0.6)
    }

    @Test func theLastQuarterCountsOnlyWhereNothingElseSeparates() throws {
        let both = profile { $0 == 6 ? 2 : $0 == 22 ? 5 : 0 }
        #expect(try extraction(both).recommendation(blockCount: blockCount).get().blocks == [6])
        let late = profile { $0 == 22 ? 5 : 0 }
        #expect(try extraction(late).recommendation(blockCount: blockCount).get().blocks == [22])
    }

    @Test func aRunHasAQuarterOfTheBlocksAtMost() throws {
        let flat = profile { _ in 3 }
        let found = try extraction(flat).recommendation(blockCount: blockCount).get()
        #expect(found.blocks.count <= blockCount / 4)
        #expect(found.blocks.contains(found.best))
        #expect(found.blocks.last ?? 99 < 18)
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func noiseIsNotRecommended(seed: UInt64) throws {
        let result = try extraction(profile { _ in 0 }, seed: seed)
            .recommendation(blockCount: blockCount)
        guard case .failure(.nothingSeparates(_, let right, let pairs, let needed)) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(pairs == 64 && right < needed && needed > 40)
    }

    @Test func fewPairsAreSaid() throws {
        let known = profile { $0 == 8 ? 9 : 1 }
        for (pairs, groups) in [(4, 4), (40, 4)] {
            let result = try extraction(known, pairs: pairs, groups: groups)
                .recommendation(blockCount: blockCount)
            #expect(result == .failure(.fewPairs(count: 4, needed: PairCheck.fewest)))
        }
        #expect(
            try extraction(known, pairs: PairCheck.fewest).recommendation(blockCount: blockCount)
                .get().blocks
                == [8])
    }

    @Test func latentVectorsHaveNoStrength() throws {
        let known = profile { $0 == 8 ? 9 : 1 }
        let result = try extraction(known, method: .latent).recommendation(blockCount: blockCount)
        #expect(result == .failure(.unknownNorm(blocks: [8])))
    }

    /// Against the sum of binomial coefficients.
    @Test(arguments: [1, 2, 5, 9, 20, 40])
    func theNumberNeededIsThatOfTheBinomialTest(pairs: Int) {
        for blocks in [1, 6, 30] {
            func tail(from right: Int) -> Double {
                var term = 1.0
                var total = 0.0
                for count in 0...pairs {
                    if count >= right { total += term }
                    term *= Double(pairs - count) / Double(count + 1)
                }
                return right > pairs ? 0 : total / Double(1 << pairs)
            }
            let needed = Extraction.rightNeeded(of: pairs, blocks: blocks)
            #expect(tail(from: needed) <= 0.01 / Double(blocks))
            #expect(tail(from: needed - 1) > 0.01 / Double(blocks))
        }
    }
}
