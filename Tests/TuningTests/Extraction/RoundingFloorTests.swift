import Testing
import Transformer

@testable import Tuning

/// Rounding is not taken for a direction, nor for a figure that vouches for one.
@Suite struct RoundingFloorTests {
    private let fixture: ExtractionFixture

    init() throws {
        fixture = try ExtractionFixture()
    }

    private func pair(_ positive: [Int], _ negative: [Int], _ place: String) -> Extraction.Pair {
        (
            positive: TokenSequence(prompt: positive, place: place),
            negative: TokenSequence(prompt: negative, place: place)
        )
    }

    @Test(arguments: ExtractionMethod.allCases)
    func pairsOfTheSameTokensAreRefused(method: ExtractionMethod) throws {
        let pairs = (0..<4).map { pair([5, 9 + $0, 7], [5, 9 + $0, 7], "p:\($0)") }
        #expect(
            throws: ExtractionError.identicalPairs(pairs: 4, position: .index(-1), place: "p:0")
        ) {
            try fixture.extract(
                pairs, Extraction.Options(method: method, normalization: .unit))
        }
        #expect(throws: ExtractionError.self) { try fixture.scan(last: 2, pairs) }
    }

    @Test func pairsThatDifferOnlyBehindTheTokenComparedAreRefused() throws {
        let pairs = (0..<3).map { pair([5, 9 + $0, 7, 3], [5, 9 + $0, 7, 8], "p:\($0)") }
        let position = Position.index(1)
        #expect(try Extraction.identicalPairs(pairs, at: position) == [0, 1, 2])
        #expect(try Extraction.identicalPairs(pairs, at: .index(-1)) == [])
        #expect(throws: ExtractionError.self) {
            try fixture.extract(pairs, Extraction.Options(position: position))
        }
    }

    @Test func pairsOfTheSameTokensAreLeftOut() throws {
        let distinct = (0..<4).map { pair([5, 9 + $0, 7], [5, 9 + $0, 8], "p:\($0)") }
        let same = (0..<3).map { pair([4, 20 + $0], [4, 20 + $0], "s:\($0)") }
        let alone = try fixture.extract(distinct)
        let mixed = try fixture.extract([same[0]] + distinct + same[1...])
        #expect(mixed.pairCount == 4)
        #expect(mixed.vector.provenance.pairCount == 4)
        for (left, right) in zip(alone.blocks, mixed.blocks) {
            #expect(abs(left.length - right.length) < 1e-3 * left.length)
            #expect(left.signAgreement == right.signAgreement)
            #expect(left.heldOut?.pairAccuracy == right.heldOut?.pairAccuracy)
        }
    }

    @Test func onePairDoesNotVouchForItsOwnDirection() throws {
        let found = try fixture.extract([pair([5, 9, 7], [5, 9, 8], "p:1")])
        #expect(found.blocks.allSatisfy { $0.signAgreement == nil && $0.heldOut == nil })
        #expect(found.vector.provenance.signAgreement.isEmpty)
        // One pair does not vary about its mean.
        #expect(throws: ExtractionError.self) {
            try fixture.extract(
                [pair([5, 9, 7], [5, 9, 8], "p:1")], Extraction.Options(method: .pcaCentered))
        }
    }

    @Test func copiesOfAPairAreHeldOutTogether() throws {
        let copies = (0..<5).map { pair([5, 9, 7], [5, 9, 8], "p:\($0)") }
        #expect(try fixture.extract(copies).blocks.allSatisfy { $0.heldOut == nil })
        #expect(
            Extraction.groups(of: copies + [pair([1, 2], [1, 3], "p:9")]) == [0, 0, 0, 0, 0, 1])
    }

    // MARK: - Made-up activations

    /// Sides of norm about 10 that differ by `difference` in one place, and by rounding in all.
    private func samples(difference: Float, pairs: Int = 6) -> SampleMatrix {
        var numbers = Xoshiro256(seed: 2)
        var samples = SampleMatrix(width: 100, rows: 2 * pairs)
        for pair in 0..<pairs {
            let shared = (0..<100).map { _ in Float(numbers.nextUnit() * 3.4 - 1.7) }
            for side in [pair, pairs + pair] {
                var values = shared.map { $0 * (1 + Float(numbers.nextUnit() - 0.5) * 1e-6) }
                if side < pairs { values[3] += difference * (1 + 0.1 * Float(pair)) }
                samples[side] = values[...]
            }
        }
        return samples
    }

    private func outcome(
        _ difference: Float, _ method: ExtractionMethod
    ) -> BlockAnalysis.Outcome {
        BlockAnalysis(
            samples(difference: difference), groups: Array(0..<6), block: 2,
            options: Extraction.Options(method: method, normalization: .unit)
        ).outcome(folds: 5)
    }

    @Test(arguments: ExtractionMethod.allCases)
    func aDifferenceOfRoundingIsNoDirection(method: ExtractionMethod) {
        guard case .onlyRounding(let length, let floor, let norm) = outcome(0, method) else {
            Issue.record("rounding was taken for a direction")
            return
        }
        #expect(length <= floor)
        #expect(abs(floor - norm * 256 / 8_388_608) < 1e-12)
    }

    @Test(arguments: ExtractionMethod.allCases)
    func aSmallRealDifferenceIsOne(method: ExtractionMethod) {
        guard case .found(let result, let direction) = outcome(0.05, method) else {
            Issue.record("a real difference was taken for rounding")
            return
        }
        #expect(abs(direction[3]) > 0.98)
        #expect(result.signAgreement == 1)
    }

    @Test func differencesUpToTheFloorAreNotRight() {
        let found = Separation(positive: [1, 1, 2], negative: [1, 0.9999, 1], floor: 0.001)
        #expect(abs(found.pairAccuracy - 1.0 / 3) < 1e-12)
        // A deviation of rounding makes no effect of millions.
        let tight = Separation(
            positive: [1, 1 + 1e-9], negative: [0, 1e-9], floor: 0.001)
        #expect(tight.effectSize <= 1000)
    }
}
