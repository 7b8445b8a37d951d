import Formats
import Testing

@testable import Transformer

/// Logits and streams of chosen tokens only.
@Suite struct DecoderScopeTests {
    private struct Row: Hashable {
        let slice: Int
        let token: Int
    }

    private func logits(
        _ model: SmallModel, _ slices: [[Int]], _ scope: TokenScope
    ) throws -> [Row: [Float]] {
        var found: [Row: [Float]] = [:]
        let width = model.configuration.sizes.vocabularySize
        let receiver = LogitsReceiver(scope: scope) { slice, tokens, rows in
            for (row, token) in tokens.enumerated() {
                found[Row(slice: slice, token: token)] = rows.extracting(
                    row * width..<(row + 1) * width
                ).withUnsafeBufferPointer { Array($0) }
            }
        }
        try model.decoder().forward(slices.map { DecoderSlice($0) }, logits: receiver)
        return found
    }

    /// The second slice spans chunks.
    @Test func eachSliceShowsItsTokensFromTheFirstWantedOn() throws {
        let model = try SmallModel()
        let slices = [model.tokens(5), model.tokens(900, seed: 4), model.tokens(7, seed: 5)]
        let all = try logits(model, slices, .all)
        let starts = [2, 700, 7]
        let chosen = try logits(model, slices, .from(starts))
        #expect(chosen.count == 3 + 200 + 0)
        for (row, values) in chosen {
            #expect(row.token >= starts[row.slice])
            #expect(relativeDifference(values, try #require(all[row])) < 1e-5)
        }
    }

    @Test func indicesOutsideASliceAskForAllOrNothing() throws {
        let model = try SmallModel()
        let slices = [model.tokens(3), model.tokens(4)]
        let chosen = try logits(model, slices, .from([-5, 99]))
        #expect(Set(chosen.keys) == Set((0..<3).map { Row(slice: 0, token: $0) }))
    }

    @Test func aFirstTokenIsNeededForEverySlice() throws {
        let model = try SmallModel()
        #expect(throws: ForwardError.scopeCount(expected: 2, found: 1)) {
            try logits(model, [[1], [2]], .from([0]))
        }
        let observer = StreamObserver(scope: .from([0, 0, 0])) { _, _ in }
        #expect(throws: ForwardError.scopeCount(expected: 1, found: 3)) {
            try model.decoder().forward([DecoderSlice([1])], observer: observer)
        }
    }
}
