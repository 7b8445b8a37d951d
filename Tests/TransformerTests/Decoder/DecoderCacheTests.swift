import Formats
import Testing

@testable import Transformer

@Suite struct DecoderCacheTests {
    /// Other products sum the same terms in another order.
    static let bound = 2e-6

    /// All logits of one slice of a pass, row after row.
    static func logits(
        _ decoder: Decoder, _ slices: [DecoderSlice], of wanted: Int = 0
    ) throws -> [Float] {
        var values: [Float] = []
        let receiver = LogitsReceiver(scope: .all) { slice, _, rows in
            guard slice == wanted else { return }
            rows.withUnsafeBufferPointer { values.append(contentsOf: $0) }
        }
        try decoder.forward(slices, logits: receiver)
        return values
    }

    @Test(arguments: [[30], [1], [7, 1, 15], [2, 28]])
    func continuingACacheEqualsOnePass(_ cuts: [Int]) throws {
        let model = try SmallModel()
        let decoder = try model.decoder()
        let tokens = model.tokens(31)
        let whole = try Self.logits(decoder, [DecoderSlice(tokens)])
        let cache = SequenceCache(model.configuration)
        var pieces: [Float] = []
        var rest = tokens[...]
        for cut in cuts + [Int.max] {
            let piece = Array(rest.prefix(cut))
            rest = rest.dropFirst(piece.count)
            pieces += try Self.logits(decoder, [DecoderSlice(piece, cache: cache)])
        }
        #expect(cache.length == tokens.count)
        #expect(relativeDifference(pieces, whole) < Self.bound)
    }

    @Test func tokenByTokenEqualsOnePass() throws {
        let model = try SmallModel()
        let decoder = try model.decoder()
        let tokens = model.tokens(150)
        let whole = try Self.logits(decoder, [DecoderSlice(tokens)])
        let cache = SequenceCache(model.configuration)
        let pieces = try tokens.flatMap {
            try Self.logits(decoder, [DecoderSlice([$0], cache: cache)])
        }
        #expect(relativeDifference(pieces, whole) < Self.bound)
    }

    @Test func aLongPromptInChunksEqualsTheTwin() throws {
        let model = try SmallModel()
        let tokens = model.tokens(Decoder.rowsPerChunk + 90)
        let expected = try #require(DecoderTwin(model, tokens: tokens).arrays["logits"])
        let found = try Self.logits(model.decoder(), [DecoderSlice(tokens)])
        #expect(relativeDifference(found, expected) < DecoderForwardTests.bound)
    }

    @Test func packedSlicesDoNotSeeEachOther() throws {
        let model = try SmallModel()
        let decoder = try model.decoder()
        let prompts = [5, 1, 600, 17, 2].enumerated().map { model.tokens($1, seed: UInt64($0)) }
        for index in prompts.indices {
            let alone = try Self.logits(decoder, [DecoderSlice(prompts[index])])
            let packed = try Self.logits(decoder, prompts.map { DecoderSlice($0) }, of: index)
            #expect(relativeDifference(packed, alone) < Self.bound, "prompt \(index)")
        }
    }

    @Test func packedSlicesContinueTheirOwnCaches() throws {
        let model = try SmallModel()
        let decoder = try model.decoder()
        let prompts = [
            model.tokens(8, seed: 1), model.tokens(3, seed: 2), model.tokens(12, seed: 3),
        ]
        let caches = prompts.map { _ in SequenceCache(model.configuration) }
        try decoder.forward(
            zip(prompts, caches).map { DecoderSlice(Array($0.dropLast(2)), cache: $1) })
        for index in prompts.indices {
            for cache in caches {
                cache.truncate(to: prompts[caches.firstIndex { $0 === cache } ?? 0].count - 2)
            }
            let slices = zip(prompts, caches).map { DecoderSlice(Array($0.suffix(2)), cache: $1) }
            let found = try Self.logits(decoder, slices, of: index)
            let whole = try Self.logits(decoder, [DecoderSlice(prompts[index])])
            let vocabularySize = model.configuration.sizes.vocabularySize
            #expect(relativeDifference(found, Array(whole.suffix(2 * vocabularySize))) < Self.bound)
        }
    }

    @Test func truncatingForgetsWhatCameAfter() throws {
        let model = try SmallModel()
        let decoder = try model.decoder()
        let (start, wrong, right) = (model.tokens(6), [1, 2, 3], [4, 5])
        let cache = SequenceCache(model.configuration)
        _ = try Self.logits(decoder, [DecoderSlice(start + wrong, cache: cache)])
        cache.truncate(to: start.count)
        #expect(cache.length == start.count)
        let found = try Self.logits(decoder, [DecoderSlice(right, cache: cache)])
        let whole = try Self.logits(decoder, [DecoderSlice(start + right)])
        let vocabularySize = model.configuration.sizes.vocabularySize
        #expect(relativeDifference(found, Array(whole.suffix(2 * vocabularySize))) < Self.bound)
        cache.truncate(to: 100)
        #expect(cache.length == 8)
        cache.truncate(to: -1)
        #expect(cache.length == 0)
    }

    @Test func memoryIsStatedAndGrowsByDoubling() throws {
        let model = try SmallModel()
        let cache = SequenceCache(model.configuration)
        #expect(cache.byteCount == 0)
        cache.reserve(1)
        #expect(cache.capacity == 64)
        #expect(cache.byteCount == 2 * 3 * 64 * 20 * 4)
        cache.reserve(65)
        #expect(cache.capacity == 128)
    }

    @Test func aPassThatThrowsLeavesItsCachesAlone() throws {
        struct Refusal: Error {}
        let model = try SmallModel()
        let decoder = try model.decoder()
        let cache = SequenceCache(model.configuration)
        try decoder.forward([DecoderSlice([1, 2], cache: cache)])
        let observer = StreamObserver { place, _ in if place.block == 1 { throw Refusal() } }
        #expect(throws: Refusal.self) {
            try decoder.forward([DecoderSlice(model.tokens(700), cache: cache)], observer: observer)
        }
        #expect(cache.length == 2)
    }

    /// Dynamic scaling looks at the length a sequence reaches in the pass, not at the chunks it is cut into.
    @Test func dynamicScalingUsesTheWholeLengthInEveryChunk() throws {
        let count = Decoder.rowsPerChunk + 8
        var sizes = SmallModel.sizes
        sizes.contextLength = 300
        sizes.rope.scaling = .dynamic(factor: 4, originalContext: 300)
        let dynamic = try SmallModel(sizes)
        #expect(dynamic.configuration.positionLimit == 1200)
        // The same frequencies, spelled as divisors of the plain ones.
        let stretched = RotaryFrequencies(sizes.rope, sequenceLength: count).inverse
        let plain = RopeParameters.frequencies(
            base: sizes.rope.base, dimensions: sizes.rope.dimensions)
        sizes.rope.scaling = .divisors(zip(plain, stretched).map(/))
        sizes.contextLength = count
        let fixed = try SmallModel(sizes)
        let tokens = dynamic.tokens(count)
        let found = try Self.logits(dynamic.decoder(), [DecoderSlice(tokens)])
        let expected = try Self.logits(fixed.decoder(), [DecoderSlice(tokens)])
        // A frequency's last bit, magnified by some 500 positions.
        #expect(relativeDifference(found, expected) < 1e-4)
    }
}
