import Formats
import Foundation
import Testing

@testable import Tuning

/// Against sacrebleu: see Fixtures/make_bleu.py.
@Suite struct BLEUTests {
    private struct Case {
        let text: String
        let reference: String
        let words: [String]
        let score: Double
    }

    private let cases: [Case]
    private let corpus: Double

    init() throws {
        let path =
            try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil)).path
            + "/bleu.json"
        let bytes = try MappedFile(path: path).bytes.withUnsafeBytes { Array($0) }
        let facts = try #require(try JSONReader.parse(bytes, source: "bleu.json").object)
        corpus = try #require(facts["corpus"]?.number)
        cases = try #require(facts["pairs"]?.array).map { value in
            let object = try #require(value.object)
            return Case(
                text: try #require(object["text"]?.string),
                reference: try #require(object["reference"]?.string),
                words: try #require(object["words"]?.array).compactMap(\.string),
                score: try #require(object["score"]?.number))
        }
    }

    @Test func wordsAreThoseOfSacrebleu() {
        #expect(cases.count == 11)
        for item in cases { #expect(BLEU.words(of: item.text) == item.words) }
    }

    @Test func scoresAreThoseOfSacrebleu() {
        var all = BLEU()
        for item in cases {
            var bleu = BLEU()
            bleu.add(item.text, reference: item.reference)
            all.add(item.text, reference: item.reference)
            #expect(abs(bleu.score - item.score) < 1e-9, "\(item.text)")
        }
        #expect(abs(all.score - corpus) < 1e-9)
        #expect(BLEU().score == 0)
    }

    /// By hand: of 5 words 4 match, of 4 pairs 3, of 3 triples 2, of 2 quadruples 1, and 5 words stand for 6.
    @Test func aHandWorkedScore() {
        var bleu = BLEU()
        bleu.add("we sang all the day", reference: "we sang all the way home")
        let product = (4.0 / 5) * (3.0 / 4) * (2.0 / 3) * (1.0 / 2)
        #expect(abs(bleu.score - 100 * exp(1 - 6.0 / 5) * pow(product, 0.25)) < 1e-9)
    }
}
