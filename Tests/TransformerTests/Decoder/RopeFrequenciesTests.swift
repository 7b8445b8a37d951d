import Formats
import Foundation
import Testing

@testable import Transformer

/// Compares with transformers' rotary embedding (Fixtures/rope/make_rope.py).
@Suite struct RopeFrequenciesTests {
    /// What transformers computed for one scaling.
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        let name: String
        let base: Double
        let dimensions: Int
        let scaling: Scaling
        let sequence: Int
        let positions: [Int]
        let inverse: [Float]
        let attentionFactor: Float
        let cosine: [[Float]]
        let sine: [[Float]]

        var testDescription: String { name }

        struct Scaling: Decodable, Sendable {
            let ropeType: String
            let factor: Double?
            let lowFreqFactor: Double?
            let highFreqFactor: Double?
            let originalMaxPositionEmbeddings: Int?
            let attentionFactor: Double?
            let betaFast: Double?
            let betaSlow: Double?
            let truncate: Bool?

            func parameters(context: Int) throws -> RopeParameters.Scaling {
                switch ropeType {
                case "default":
                    return .none
                case "linear":
                    return .linear(factor: try #require(factor))
                case "llama3":
                    return .llama3(
                        Llama3(
                            factor: try #require(factor),
                            lowFrequencyFactor: try #require(lowFreqFactor),
                            highFrequencyFactor: try #require(highFreqFactor),
                            originalContext: try #require(originalMaxPositionEmbeddings)))
                case "yarn":
                    return .yarn(
                        Yarn(
                            factor: try #require(factor),
                            originalContext: try #require(originalMaxPositionEmbeddings),
                            attentionFactor: attentionFactor, betaFast: betaFast ?? 32,
                            betaSlow: betaSlow ?? 1, roundsRamp: truncate ?? true))
                default:
                    return .dynamic(factor: try #require(factor), originalContext: context)
                }
            }
        }

        /// `max_position_embeddings` in the script.
        static let context = 256

        func parameters() throws -> RopeParameters {
            RopeParameters(
                base: base, dimensions: dimensions,
                scaling: try scaling.parameters(context: Self.context))
        }
    }

    static let cases: [Case] = {
        let fixtures = Bundle.module.url(forResource: "Fixtures", withExtension: nil)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let url = fixtures?.appending(path: "rope/rope.json"),
            let data = try? Data(contentsOf: url),
            let cases = try? decoder.decode([Case].self, from: data)
        else { return [] }
        return cases
    }()

    @Test func theFixtureHoldsEveryScaling() {
        #expect(Set(Self.cases.map(\.scaling.ropeType)).count == 5)
    }

    @Test(arguments: cases)
    func frequenciesAgreeWithTransformers(_ expected: Case) throws {
        let found = RotaryFrequencies(try expected.parameters(), sequenceLength: expected.sequence)
        #expect(found.inverse.count == expected.inverse.count)
        for (ours, theirs) in zip(found.inverse, expected.inverse) {
            // Two f32 powers may differ by a unit in the last place each.
            #expect(abs(ours - theirs) <= 3e-7 * theirs)
        }
        #expect(abs(found.attentionFactor - expected.attentionFactor) <= 1e-7)
    }

    @Test(arguments: cases)
    func tableAgreesWithTransformers(_ expected: Case) throws {
        let table = RotaryTable(try expected.parameters())
        let cosine = ActivationMatrix(width: table.pairs)
        let sine = ActivationMatrix(width: table.pairs)
        cosine.reserve(1)
        sine.reserve(1)
        for (index, position) in expected.positions.enumerated() {
            table.write(
                position..<position + 1, sequenceLength: expected.sequence, cosine: cosine.row(0),
                sine: sine.row(0))
            // A frequency's last bit, magnified by the position.
            let bound = 1e-6 + 3e-7 * Float(position)
            for pair in 0..<table.pairs {
                #expect(abs(cosine.row(0)[pair] - expected.cosine[index][pair]) <= bound)
                #expect(abs(sine.row(0)[pair] - expected.sine[index][pair]) <= bound)
            }
        }
    }

    @Test func rowsDoNotDependOnTheOrderOfPositions() {
        let rope = RopeParameters(base: 10_000, dimensions: 8, scaling: .none)
        let (forward, backward) = (RotaryTable(rope), RotaryTable(rope))
        let rows = ActivationMatrix(width: 4)
        rows.reserve(40)
        forward.write(0..<10, sequenceLength: 10, cosine: rows.row(0), sine: rows.row(10))
        backward.write(5..<10, sequenceLength: 10, cosine: rows.row(25), sine: rows.row(35))
        backward.write(0..<5, sequenceLength: 10, cosine: rows.row(20), sine: rows.row(30))
        for index in 0..<20 * 4 {
            #expect(rows.row(0)[index] == rows.row(20)[index])
        }
    }

    @Test func divisorsDivideTheFrequencies() {
        let divided = RopeParameters(base: 100, dimensions: 4, scaling: .divisors([1, 8]))
        #expect(RotaryFrequencies(divided, sequenceLength: 1).inverse == [1, Float(0.1) / 8])
    }
}
