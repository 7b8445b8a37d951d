import Formats
import Testing

@testable import Transformer

@Suite struct GenerationTextTests {
    /// The greedy continuation, computed without a cache.
    static func greedy(_ model: SmallModel, _ prompt: [Int], count: Int) throws -> [Int] {
        let decoder = try model.decoder()
        var tokens = prompt
        for _ in 0..<count {
            let logits = try DecoderCacheTests.logits(decoder, [DecoderSlice(tokens)])
            let last = Array(logits.suffix(37))
            let best = Sampler.mostLikely(last.span)
            tokens.append(try #require(best))
        }
        return Array(tokens.dropFirst(prompt.count))
    }

    @Test func greedyTextEqualsPassesWithoutACache() throws {
        let model = try SmallModel()
        var generator = try TextGenerator(try model.decoder(), options: .init(maximumTokens: 20))
        var received: [Int] = []
        let result = try generator.generate(from: [5, 6, 7]) { token in
            received.append(token)
            return true
        }
        #expect(result.tokens == (try Self.greedy(model, [5, 6, 7], count: 20)))
        #expect(result.tokens == received)
        #expect(result.stopReason == .maximumTokens)
    }

    @Test func aStopTokenEndsTheTextAndIsLeftOut() throws {
        let model = try SmallModel()
        let text = try Self.greedy(model, [5, 6, 7], count: 12)
        let stop = try #require(text.last)
        let end = try #require(text.firstIndex(of: stop))
        var generator = try TextGenerator(
            try model.decoder(), options: .init(maximumTokens: 20, stopTokens: [stop]))
        let result = try generator.generate(from: [5, 6, 7])
        #expect(result.tokens == Array(text[..<end]))
        #expect(result.stopReason == .stopToken(stop))
    }

    @Test func theCallerMayStop() throws {
        var generator = try TextGenerator(
            try SmallModel().decoder(), options: .init(maximumTokens: 20))
        var count = 0
        let result = try generator.generate(from: [1]) { _ in
            count += 1
            return count < 4
        }
        #expect(result.tokens.count == 4)
        #expect(result.stopReason == .caller)
    }

    @Test func theContextEndsTheText() throws {
        var sizes = SmallModel.sizes
        sizes.contextLength = 10
        let model = try SmallModel(sizes)
        var generator = try TextGenerator(try model.decoder(), options: .init(maximumTokens: 50))
        let result = try generator.generate(from: model.tokens(7))
        // Ten positions hold the prompt and three tokens; the token after them needs no position.
        #expect(result.tokens.count == 4)
        #expect(result.stopReason == .contextLimit)
        #expect(throws: ForwardError.contextOverflow(slice: 0, positions: 11, limit: 10)) {
            _ = try generator.generate(from: model.tokens(11))
        }
    }

    @Test func noTokensAreGeneratedWhereNoneAreWanted() throws {
        var generator = try TextGenerator(
            try SmallModel().decoder(), options: .init(maximumTokens: 0))
        #expect(try generator.generate(from: [1]).tokens.isEmpty)
    }

    @Test func anEmptyPromptIsRefused() throws {
        var generator = try TextGenerator(
            try SmallModel().decoder(), options: .init(maximumTokens: 3))
        #expect(throws: ForwardError.noTokens(slice: 0)) { _ = try generator.generate(from: []) }
    }

    @Test func sampledTextDependsOnTheSeedAloneForAnyThreads() throws {
        func text(seed: UInt64, threads: Int) throws -> [Int] {
            let options = TextGenerator.Options(
                maximumTokens: 30,
                sampling: SamplingOptions(temperature: 1.2, topK: 20, topP: 0.9, seed: seed))
            var generator = try TextGenerator(
                try SmallModel().decoder(threads: threads), options: options)
            return try generator.generate(from: [2, 3]).tokens
        }
        #expect(try text(seed: 1, threads: 1) == text(seed: 1, threads: 2))
        #expect(try text(seed: 1, threads: 1) != text(seed: 2, threads: 1))
    }

    @Test func interventionsSteerTheText() throws {
        let model = try SmallModel()
        let steering = Intervention(
            block: 2, vector: DecoderInterventionTests.vector(1), strength: 40)
        var plain = try TextGenerator(try model.decoder(), options: .init(maximumTokens: 8))
        var steered = try TextGenerator(
            try model.decoder(), options: .init(maximumTokens: 8, interventions: [steering]))
        #expect(try plain.generate(from: [1, 2]).tokens != steered.generate(from: [1, 2]).tokens)
    }

    /// Texts that begin alike, turn back, or are steered otherwise: memory of the last changes nothing.
    @Test func memoryOfTheLastTextChangesNothing() throws {
        let model = try SmallModel()
        let decoder = try model.decoder()
        let memory = GenerationMemory(decoder.configuration)
        let push = Intervention(
            block: 0, vector: (0..<SmallModel.sizes.hiddenSize).map { Float($0 % 5) - 2 })
        let texts: [([Int], [Intervention])] = [
            ([5, 6, 7], []), ([5, 6, 7, 8, 9, 10], []), ([5, 6], []), ([5, 6, 7], [push]),
            ([5, 6, 7, 1], [push]), ([9], []), ([9], []),
        ]
        for (text, interventions) in texts {
            let options = TextGenerator.Options(maximumTokens: 12, interventions: interventions)
            var fresh = try TextGenerator(decoder, options: options)
            var remembering = try TextGenerator(decoder, options: options)
            let expected = try fresh.generate(from: text)
            #expect(try remembering.generate(from: text, memory: memory) == expected)
        }
    }
}
