import Formats
import Testing

@testable import Transformer

@Suite struct DecoderForwardTests {
    /// f32 sums of some dozens of terms through three blocks.
    static let bound = 1e-5

    @Test(arguments: [RopePairing.halves, .interleaved])
    func everySiteAndTheLogitsEqualTheTwin(_ pairing: RopePairing) throws {
        var sizes = SmallModel.sizes
        sizes.rope.dimensions = 6
        let model = try SmallModel(sizes, pairing: pairing)
        let tokens = model.tokens(13)
        let twin = DecoderTwin(model, tokens: tokens)
        let trace = try Trace(of: tokens, in: try model.decoder())
        #expect(trace.entries.count == twin.arrays.count)
        for entry in trace.entries {
            let expected = try #require(twin.arrays[entry.name])
            #expect(
                relativeDifference(entry.values, expected) < Self.bound,
                Comment(rawValue: entry.name))
        }
    }

    @Test func aTiedHeadAndNoBiasesEqualTheTwin() throws {
        var sizes = SmallModel.sizes
        sizes.tiesEmbeddings = true
        let model = try SmallModel(sizes, hasBiases: false)
        let tokens = model.tokens(9)
        let trace = try Trace(of: tokens, in: try model.decoder())
        let expected = try #require(DecoderTwin(model, tokens: tokens).arrays["logits"])
        #expect(relativeDifference(trace["logits"]?.values ?? [], expected) < Self.bound)
    }

    @Test func traceNamesFollowTheComputation() throws {
        let model = try SmallModel()
        let trace = try Trace(of: [1, 2], in: try model.decoder())
        #expect(
            trace.entries.map(\.name) == [
                "embed", "resid_mid.0", "resid_post.0", "resid_mid.1", "resid_post.1",
                "resid_mid.2",
                "resid_post.2", "logits",
            ])
        #expect(trace.entries.allSatisfy { $0.rows == 2 })
        #expect(trace["logits"]?.columns == model.configuration.sizes.vocabularySize)
    }

    /// Rotating neighbours is rotating halves after the rows of q and k are reordered within each head.
    @Test func pairingsAgreeOnPermutedWeights() throws {
        let halves = try SmallModel(pairing: .halves)
        var interleaved = try SmallModel(pairing: .interleaved)
        let size = halves.configuration.sizes.headSize
        func source(_ row: Int) -> Int {
            let (head, dimension) = (row / size, row % size)
            return head * size + dimension % 2 * (size / 2) + dimension / 2
        }
        for block in 0..<halves.configuration.sizes.blockCount {
            for slot in [BlockSlot.attentionQuery, .attentionKey] {
                var matrix = try #require(halves.matrices[.block(block, slot)])
                let columns = matrix.columns
                matrix.values = (0..<matrix.rows).flatMap { row in
                    matrix.values[source(row) * columns..<(source(row) + 1) * columns]
                }
                interleaved.matrices[.block(block, slot)] = matrix
                let bias = try #require(halves.vectors[.block(block, slot, .bias)])
                interleaved.vectors[.block(block, slot, .bias)] = bias.indices.map {
                    bias[source($0)]
                }
            }
        }
        let tokens = halves.tokens(20)
        let one = try Trace(of: tokens, in: try halves.decoder())
        let other = try Trace(of: tokens, in: try interleaved.decoder())
        #expect(
            relativeDifference(one["logits"]?.values ?? [], other["logits"]?.values ?? [0])
                < Self.bound)
    }

    @Test(arguments: [1, 5, 70, 600])
    func theNumberOfThreadsDoesNotChangeABit(_ count: Int) throws {
        let model = try SmallModel()
        let tokens = model.tokens(count)
        let one = try Trace(of: tokens, in: try model.decoder(threads: 1))
        let two = try Trace(of: tokens, in: try model.decoder(threads: 2))
        for (first, second) in zip(one.entries, two.entries) {
            #expect(
                first.values.map(\.bitPattern) == second.values.map(\.bitPattern),
                Comment(rawValue: first.name))
        }
    }

    @Test func aSecondPassGivesTheSameBits() throws {
        let model = try SmallModel()
        let decoder = try model.decoder()
        let tokens = model.tokens(33)
        let first = try Trace(of: tokens, in: decoder)
        _ = try Trace(of: model.tokens(100, seed: 9), in: decoder)
        let second = try Trace(of: tokens, in: decoder)
        #expect(first.entries == second.entries)
    }

    @Test func theObserverSeesTheLastTokenAloneWhereAsked() throws {
        let model = try SmallModel()
        let decoder = try model.decoder()
        let prompts = [model.tokens(4), model.tokens(700, seed: 4), model.tokens(3, seed: 5)]
        var seen: [StreamPlace: [Float]] = [:]
        let observer = StreamObserver(sites: [.residPost], scope: .last) { place, rows in
            seen[place] = rows.withUnsafeBufferPointer { Array($0) }
        }
        try decoder.forward(prompts.map { DecoderSlice($0) }, observer: observer)
        #expect(seen.count == 3 * model.configuration.sizes.blockCount)
        for (slice, prompt) in prompts.enumerated() {
            let twin = DecoderTwin(model, tokens: prompt)
            let place = StreamPlace(
                site: .residPost, block: 2, slice: slice, tokens: prompt.count - 1..<prompt.count)
            let expected = try #require(twin.arrays["resid_post.2"]).suffix(20)
            #expect(relativeDifference(seen[place] ?? [], Array(expected)) < Self.bound)
        }
    }

    @Test func aPassThatStopsEarlyShowsNoLaterBlock() throws {
        let model = try SmallModel()
        let cache = SequenceCache(model.configuration)
        var blocks: Set<Int> = []
        try model.decoder().forward(
            [DecoderSlice([1, 2, 3], cache: cache)], blocks: 0..<2,
            observer: StreamObserver { place, _ in blocks.insert(place.block) })
        #expect(blocks == [0, 1])
        #expect(cache.length == 0)
    }

    @Test func aPassMayStartFromTheStreamAboveABlock() throws {
        let model = try SmallModel()
        let decoder = try model.decoder()
        let tokens = [1, 2, 3, 4, 5]
        var (entry, expected): ([Float], [Float]) = ([], [])
        try decoder.forward(
            [DecoderSlice(tokens)],
            observer: StreamObserver(sites: [.residPost]) { place, rows in
                guard place.block == 0 else { return }
                rows.withUnsafeBufferPointer { entry.append(contentsOf: $0) }
            },
            logits: LogitsReceiver(scope: .from([2])) { _, _, rows in
                rows.withUnsafeBufferPointer { expected.append(contentsOf: $0) }
            })
        let cache = SequenceCache(model.configuration)
        var found: [Float] = []
        for part in [0..<2, 2..<5] {
            let rows = Array(entry[part.lowerBound * 20..<part.upperBound * 20])
            let slice = DecoderSlice(Array(tokens[part]), cache: cache, entry: rows)
            try decoder.forward(
                [slice], blocks: 1..<3,
                logits: LogitsReceiver(scope: .all) { _, _, rows in
                    guard part.lowerBound == 2 else { return }
                    rows.withUnsafeBufferPointer { found.append(contentsOf: $0) }
                })
        }
        #expect(relativeDifference(found, expected) < Self.bound)
    }

    @Test func anObserverMayStartAPassOfItsOwn() throws {
        let model = try SmallModel()
        let decoder = try model.decoder()
        let alone = try Trace(of: [1, 2, 3], in: decoder)
        var nested: Trace?
        var values: [Float] = []
        let observer = StreamObserver(sites: [.residMid]) { place, _ in
            if place.block == 1 { nested = try Trace(of: [1, 2, 3], in: decoder) }
        }
        let logits = LogitsReceiver(scope: .all) { _, _, rows in
            rows.withUnsafeBufferPointer { values.append(contentsOf: $0) }
        }
        try decoder.forward([DecoderSlice([1, 2, 3])], observer: observer, logits: logits)
        #expect(values == alone["logits"]?.values)
        #expect(nested?.entries == alone.entries)
    }
}
