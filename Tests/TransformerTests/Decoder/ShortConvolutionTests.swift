import Formats
import TestSupport
import Testing

@testable import Transformer

/// What blocks of short convolutions remember of a text: `FamilyReferenceTests` holds their numbers against transformers'.
@Suite struct ShortConvolutionTests {
    private let decoder: Decoder
    private let tokens = (0..<24).map { ($0 * 29 + 5) % 71 }

    init() throws {
        decoder = try Decoder(
            checkpoint: Checkpoint.open(Families.folder("lfm2-biased")), crew: WorkCrew(threads: 2))
    }

    private func logits(_ slices: [DecoderSlice], of wanted: Int = 0) throws -> [Float] {
        try DecoderCacheTests.logits(decoder, slices, of: wanted)
    }

    @Test(arguments: [[23], [1], [2, 1, 3], [1, 1, 1, 1], [7, 1, 15]])
    func continuingACacheEqualsOnePass(_ cuts: [Int]) throws {
        let whole = try logits([DecoderSlice(tokens)])
        let cache = SequenceCache(decoder.configuration)
        var (pieces, rest): ([Float], ArraySlice<Int>) = ([], tokens[...])
        for cut in cuts + [tokens.count] {
            let piece = Array(rest.prefix(cut))
            rest = rest.dropFirst(cut)
            guard !piece.isEmpty else { continue }
            pieces += try logits([DecoderSlice(piece, cache: cache)])
        }
        #expect(relativeDifference(pieces, whole) < DecoderCacheTests.bound)
    }

    @Test func aCacheCanBeTakenBackToAnyPosition() throws {
        let other = [60, 3, 44]
        for length in 0..<tokens.count {
            let cache = SequenceCache(decoder.configuration)
            try decoder.forward([DecoderSlice(tokens, cache: cache)])
            #expect(cache.truncate(to: length) == length)
            let found = try logits([DecoderSlice(other, cache: cache)])
            let whole = try logits([DecoderSlice(tokens.prefix(length) + other)])
            #expect(
                relativeDifference(found, Array(whole.suffix(found.count)))
                    < DecoderCacheTests.bound, "back to \(length)")
        }
    }

    /// One continues a text, the others are whole.
    @Test func packedTextsDoNotSeeEachOther() throws {
        let cache = SequenceCache(decoder.configuration)
        try decoder.forward([DecoderSlice(Array(tokens.prefix(5)), cache: cache)])
        let texts = [
            DecoderSlice([7, 8]), DecoderSlice(Array(tokens[5..<9]), cache: cache),
            DecoderSlice([1, 2, 3]),
        ]
        for (index, alone) in [[7, 8], Array(tokens.prefix(9)), [1, 2, 3]].enumerated() {
            cache.truncate(to: 5)
            let found = try logits(texts, of: index)
            let whole = try logits([DecoderSlice(alone)])
            #expect(
                relativeDifference(found, Array(whole.suffix(found.count)))
                    < DecoderCacheTests.bound, "text \(index)")
        }
    }

    /// Keys and values of three heads of 8 in one block, what is convolved in two.
    @Test func memoryOfAPositionIsStated() {
        let cache = SequenceCache(decoder.configuration)
        #expect(cache.bytesPerPosition == (2 * 24 + 2 * 24) * 4 && cache.byteCount == 0)
    }
}
