import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// A text's rotations follow from its length alone, whichever command runs it.
@Suite struct LongTextTests {
    private let decoder: Decoder

    init() throws {
        // Its factors change beyond 16 positions.
        decoder = try Decoder(
            checkpoint: Checkpoint.open(Families.folder("phi3")), crew: WorkCrew(threads: 2))
    }

    private func logits(_ tokens: [Int]) throws -> [[Float]] {
        let entry = try #require(try Trace(of: tokens, in: decoder)["logits"])
        return (0..<entry.rows).map {
            Array(entry.values[($0 * entry.columns)..<(($0 + 1) * entry.columns)])
        }
    }

    @Test func generationAcrossTheOriginalContextChoosesByPassesOverTheWholeText() throws {
        let prompt = (0..<12).map { ($0 * 13 + 5) % 50 }
        var tokens = prompt
        var generator = try TextGenerator(decoder, options: .init(maximumTokens: 10))
        for token in try generator.generate(from: prompt).tokens {
            let last = try #require(try logits(tokens).last)
            let best = try #require(last.indices.max { last[$0] < last[$1] })
            #expect(last[best] - last[token] <= 1e-5 * abs(last[best]), "after \(tokens.count)")
            tokens.append(token)
        }
        #expect(tokens.count == 22)
    }

    @Test func completionsOfOnePromptAreScoredByTheirOwnLengths() throws {
        let prompt = (0..<12).map { ($0 * 7 + 3) % 50 }
        let completions = [[4, 9, 2], [1, 8, 30, 5, 6, 11, 2, 7], [4, 9]]
        let sequences = completions.map {
            TokenSequence(prompt: prompt, completion: $0, place: "")
        }
        let scores = try CompletionScorer(decoder: decoder).logProbabilities(of: sequences)
        for (sequence, score) in zip(sequences, scores) {
            let rows = try logits(Array(sequence.tokens.dropLast()))
            var expected = 0.0
            for place in prompt.count..<sequence.tokens.count {
                expected +=
                    LogProbabilities.of(rows[place - 1][...])[sequence.tokens[place]]
            }
            #expect(abs(score - expected) < 1e-4)
        }
    }
}
