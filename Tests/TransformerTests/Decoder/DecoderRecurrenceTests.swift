import Formats
import Foundation
import TestSupport
import Testing

@testable import Transformer

/// Blocks that go on from states: what a cache remembers of them, and how far it can be taken back.
@Suite struct DecoderRecurrenceTests {
    /// Other products sum the same terms in another order, and states carry what they round on.
    private static let bound = 1e-5

    private let decoder: Decoder
    private let vocabulary: Int

    init() throws {
        // The fixture with room for more than a chunk.
        let folder = try TemporaryFolder()
        let path = folder.path("model")
        try FileManager.default.copyItem(atPath: Families.folder("qwen3_5"), toPath: path)
        let config = try String(contentsOfFile: path + "/config.json", encoding: .utf8)
        try config.replacingOccurrences(
            of: "\"max_position_embeddings\": 64", with: "\"max_position_embeddings\": 4096"
        ).write(toFile: path + "/config.json", atomically: true, encoding: .utf8)
        decoder = try Decoder(checkpoint: .open(path), crew: WorkCrew(threads: 2))
        vocabulary = decoder.configuration.sizes.vocabularySize
    }

    private func tokens(_ count: Int) -> [Int] {
        (0..<count).map { ($0 * 31 + $0 / 7) % vocabulary }
    }

    private func logits(_ tokens: [Int], _ cache: SequenceCache? = nil) throws -> [Float] {
        try DecoderCacheTests.logits(decoder, [DecoderSlice(tokens, cache: cache)])
    }

    @Test(arguments: [[30], [1], [2, 1, 28], [3, 3], [1, 1, 1, 1, 1]])
    func continuingACacheEqualsOnePass(_ cuts: [Int]) throws {
        let tokens = tokens(33)
        let cache = SequenceCache(decoder.configuration)
        var (pieces, rest): ([Float], ArraySlice<Int>) = ([], tokens[...])
        for cut in cuts + [Int.max] {
            let piece = Array(rest.prefix(cut))
            rest = rest.dropFirst(piece.count)
            pieces += try logits(piece, cache)
        }
        #expect(relativeDifference(pieces, try logits(tokens)) < Self.bound)
    }

    /// Chunks of one pass go on from each other; the twin is the same text token by token.
    @Test func aLongTextInChunksEqualsTokenByToken() throws {
        let tokens = tokens(Decoder.rowsPerChunk + 5)
        let cache = SequenceCache(decoder.configuration)
        let pieces = try tokens.flatMap { try logits([$0], cache) }
        let difference = relativeDifference(pieces, try logits(tokens))
        #expect(difference < 5e-5)
    }

    @Test func packedTextsDoNotSeeEachOther() throws {
        let prompts = [5, 1, 600, 17].map { tokens($0) }
        for index in prompts.indices {
            let packed = try DecoderCacheTests.logits(
                decoder, prompts.map { DecoderSlice($0) }, of: index)
            #expect(
                relativeDifference(packed, try logits(prompts[index])) < Self.bound)
        }
    }

    @Test func aCacheGoesBackToWhereTheLastPassBegan() throws {
        let cache = SequenceCache(decoder.configuration)
        _ = try logits(tokens(6), cache)
        _ = try logits([1, 2, 3], cache)
        #expect(cache.truncate(to: 6) == 6)
        let found = try logits([4, 5], cache)
        let whole = try logits(tokens(6) + [4, 5])
        #expect(
            relativeDifference(found, Array(whole.suffix(2 * vocabulary)))
                < Self.bound)
        // Any other length is lost, and the text must be run again.
        #expect(cache.truncate(to: 3) == 0)
        #expect(try logits(tokens(8), cache) == logits(tokens(8)))
    }

    @Test func aPassThatThrowsLeavesItsCachesAlone() throws {
        struct Refusal: Error {}
        let cache = SequenceCache(decoder.configuration)
        _ = try logits(tokens(4), cache)
        let observer = StreamObserver { place, _ in if place.block == 2 { throw Refusal() } }
        #expect(throws: Refusal.self) {
            try decoder.forward([DecoderSlice(tokens(700), cache: cache)], observer: observer)
        }
        #expect(cache.length == 4)
        let found = try logits([4, 5], cache)
        let whole = try logits(tokens(4) + [4, 5])
        #expect(
            relativeDifference(found, Array(whole.suffix(2 * vocabulary)))
                < Self.bound)
    }
}
