import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Latent vectors on the small trained checkpoint, with sentences of its world.
@Suite struct LatentSearchTests {
    private static let lines = [
        ("I feel wonderful.", "I feel terrible."),
        ("It was a lovely surprise.", "It was a nasty surprise."),
        ("The view was wonderful.", "The view was dreary."),
    ]

    private let fixture: ExtractionFixture

    init() throws { fixture = try ExtractionFixture() }

    private func pairs(
        of fixture: ExtractionFixture, _ lines: [(String, String)] = lines
    ) throws -> [Extraction.Pair] {
        try lines.enumerated().map { number, line in
            (
                positive: try fixture.renderer.sentence(
                    .text(line.0), place: "s:\(number + 1)", limit: 100),
                negative: try fixture.renderer.sentence(
                    .text(line.1), place: "s:\(number + 1)", limit: 100)
            )
        }
    }

    private func extract(
        _ fixture: ExtractionFixture, site: Site = .residPost, blocks: [Int] = [2],
        lines: [(String, String)] = lines,
        search: LatentSearch.Options = LatentSearch.Options(steps: 300)
    ) throws -> LatentExtraction {
        let tokenizer = fixture.renderer.tokenizer
        return try LatentExtraction(
            decoder: fixture.decoder, crew: fixture.crew, sentences: pairs(of: fixture, lines),
            options: Extraction.Options(site: site, blocks: blocks), search: search,
            base: BaseIdentity(modelHint: "llama", hash: "b"),
            decode: { tokenizer.decode($0) })
    }

    @Test(arguments: [Site.embed, .residMid, .residPost])
    func sentencesAreWrittenWordForWord(_ site: Site) throws {
        let block = site == .embed ? 0 : 2
        let latent = try extract(fixture, site: site, blocks: [block])
        let found = try #require(latent.reconstructions.first)
        #expect(found.vectors.count == 6 && found.block == block)
        #expect(found.exactCount == 6)
        #expect(abs(found.bleu - 100) < 1e-9)
        #expect(found.meanLoss < 0.7 && found.meanLossWithout > 1)
        // A search ends before its last step when every token has half of the probability.
        #expect(found.vectors.allSatisfy { (1..<300).contains($0.steps) })
        for vector in found.vectors {
            #expect(vector.values.count == 128 && vector.written == vector.sentence)
        }
    }

    /// What `generate` applies online is what was learned.
    @Test func theDirectionIsTheMeanDifferenceOfTheVectors() throws {
        let latent = try extract(fixture)
        let vectors = latent.reconstructions[0].vectors.map(\.values)
        let direction = try #require(latent.extraction.vector.directions[2])
        for index in direction.indices {
            let difference = (0..<3).reduce(Float(0)) {
                $0 + vectors[$1][index] - vectors[$1 + 3][index]
            }
            #expect(abs(direction[index] - difference / 3) <= 1e-5)
        }
        let provenance = latent.extraction.vector.provenance
        #expect(provenance.method == "latent" && provenance.token == nil)
        #expect(provenance.pairCount == 3)
    }

    @Test func threadsGiveTheSameBits() throws {
        let few = LatentSearch.Options(steps: 12)
        let vectors = try [1, 2].map { threads in
            try extract(try ExtractionFixture(threads: threads), search: few)
                .reconstructions[0].vectors.map(\.values)
        }
        #expect(vectors[0] == vectors[1])
    }

    /// A rate of 0 leaves the vectors where they begin: the two sides of a pair at one place, others at others.
    @Test func theSeedDecidesTheStart() throws {
        func starts(_ seed: UInt64) throws -> [[Float]] {
            let search = LatentSearch(
                fixture.decoder, site: .residPost,
                options: LatentSearch.Options(steps: 1, learningRate: 0, seed: seed))
            let pairs = try pairs(of: fixture)
            return try search.vectors(
                of: [pairs[0].positive, pairs[0].negative, pairs[1].positive], starts: [0, 0, 1],
                block: 1
            ).map(\.values)
        }
        let first = try starts(1)
        #expect(first[0] == first[1] && first[0] != first[2])
        #expect(try starts(1) == first)
        #expect(try starts(2)[0] != first[0])
        // Of variance 2 / (1 + width).
        #expect(abs(first[0].norm - (2.0 * 128 / 129).squareRoot()) < 0.3)
    }

    @Test func whatCannotBeWrittenIsRefused() throws {
        let renderer = fixture.renderer
        let turns = Prompt.chat(system: nil, user: "How are you?", assistant: nil)
        #expect(throws: ExtractionError.nothingToWrite(place: "s:1")) {
            try renderer.sentence(turns, place: "s:1", limit: 100)
        }
        #expect(throws: TuningDataError.tooLong(place: "s:1", tokens: 11, limit: 5)) {
            try renderer.sentence(
                .text("My day was wonderful and I laughed a lot."), place: "s:1", limit: 5)
        }
        let answer = Prompt.chat(system: nil, user: "How are you?", assistant: "I feel terrible.")
        let sentence = try renderer.sentence(answer, place: "s:1", limit: 100)
        let written = sentence.tokens[sentence.promptCount...]
        #expect(renderer.tokenizer.decode(Array(written)) == "I feel terrible.")
        let plain = try renderer.sentence(.text("I feel terrible."), place: "s:1", limit: 100)
        #expect(plain.promptCount == 1)
        #expect(plain.tokens.first == renderer.tokenizer.definition.beginningOfText)
        #expect(throws: ExtractionError.self) {
            try extract(fixture, lines: [("Life is good.", "Life is good.")])
        }
        #expect(throws: VectorError.self) { try extract(fixture, blocks: [6]) }
    }
}
