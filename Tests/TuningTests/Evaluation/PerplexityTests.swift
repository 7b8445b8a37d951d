import Formats
import Foundation
import TestSupport
import Testing
import Transformer

@testable import Tuning

@Suite struct PerplexityTests {
    private let fixture: EvaluationFixture

    init() throws {
        fixture = try EvaluationFixture()
    }

    private func windows(_ length: Int, _ stride: Int) throws -> SlidingWindows {
        try SlidingWindows(
            length: length, stride: stride, limit: fixture.decoder.configuration.positionLimit)
    }

    /// The guide's loop, with a whole pass for each window.
    private func naive(_ tokens: [Int], _ length: Int, _ stride: Int) throws -> (
        loss: Double, count: Int
    ) {
        var (loss, count, done, begin) = (0.0, 0, 0, 0)
        while true {
            let end = min(begin + length, tokens.count)
            let rows = try fixture.logProbabilities(Array(tokens[begin..<end]), fixture.push())
            for token in done..<end where token > begin {
                loss -= rows[token - 1 - begin][tokens[token]]
                count += 1
            }
            done = end
            if end == tokens.count { return (loss / Double(count), count) }
            begin += stride
        }
    }

    @Test(arguments: [
        (100, 64, 32), (100, 64, 64), (65, 64, 64), (40, 64, 7), (97, 10, 3), (2, 2, 1),
    ])
    func windowsGiveWhatThePlainLoopGives(count: Int, length: Int, stride: Int) throws {
        let tokens = fixture.text(count)
        let expected = try naive(tokens, length, stride)
        let found = try Perplexity(
            of: tokens, windows: windows(length, stride), decoder: fixture.decoder,
            interventions: fixture.push())
        #expect(found.predictedCount == expected.count)
        #expect(abs(found.meanLoss - expected.loss) < 1e-5)
        #expect(found.value == exp(found.meanLoss))
        #expect(found.tokenCount == count)
    }

    @Test func everyTokenButTheFirstIsPredictedOnce() throws {
        for (length, stride) in [(8, 4), (8, 1), (8, 7), (100, 50)] {
            let predicted = try windows(length, stride).windows(over: 61).flatMap(\.predicted)
            #expect(predicted == Array(1..<61))
        }
        // Without overlap, nothing predicts the first token of a window.
        #expect(try windows(8, 8).windows(over: 17).map(\.predicted) == [1..<8, 9..<16])
    }

    @Test func windowsBeyondTheModelOrTheStrideAreRefused() {
        #expect(throws: EvaluationError.windowLength(length: 65, limit: 64)) {
            try SlidingWindows(length: 65, limit: 64)
        }
        #expect(throws: EvaluationError.windowLength(length: 1, limit: 64)) {
            try SlidingWindows(length: 1, limit: 64)
        }
        #expect(throws: EvaluationError.windowStride(stride: 9, length: 8)) {
            try SlidingWindows(length: 8, stride: 9, limit: 64)
        }
        #expect(throws: EvaluationError.windowStride(stride: 0, length: 8)) {
            try SlidingWindows(length: 8, stride: 0, limit: 64)
        }
        let standard = try? SlidingWindows(limit: 8192)
        #expect(standard?.length == 1024)
        #expect(standard?.stride == 512)
        #expect((try? SlidingWindows(limit: 100))?.length == 100)
    }

    @Test func aTextOfOneTokenIsRefused() throws {
        for tokens in [[], [1]] {
            #expect(throws: EvaluationError.shortText(tokens: tokens.count)) {
                try Perplexity(of: tokens, windows: windows(8, 4), decoder: fixture.decoder)
            }
        }
    }

    /// The last token of a sequence never runs, so that the decoder does not see it.
    @Test func aTokenOutsideTheModelsVocabularyIsRefused() throws {
        #expect(throws: ForwardError.self) {
            try Perplexity(
                of: [1, fixture.vocabulary], windows: windows(8, 4), decoder: fixture.decoder)
        }
    }

    @Test func theIntervalHoldsThePerplexity() throws {
        let found = try Perplexity(
            of: fixture.text(200), windows: windows(16, 8), decoder: fixture.decoder)
        let interval = try #require(found.interval())
        #expect((interval.lower...interval.upper).contains(found.value))
        #expect(found.interval() == interval)
    }

    // MARK: - SmolLM2-135M-Instruct, which is not in the repository

    private struct Reference: Decodable {
        let perplexity: Text

        struct Text: Decodable {
            let text: String
            let tokens: [Int]
            let measured: [Measured]
        }

        struct Measured: Decodable {
            let window: Int
            let stride: Int
            let predicted: Int
            let perplexity: Double
        }
    }

    private static let model = ProcessInfo.processInfo.environment["RTEDIT_MODEL"]

    @Test(.enabled(if: model != nil, "RTEDIT_MODEL does not name SmolLM2-135M-Instruct.Q4_1.gguf"))
    func smolLM2AgreesWithTransformers() throws {
        let file = URL(fileURLWithPath: Samples.path("smollm2/reference.json"))
        let reference = try JSONDecoder().decode(Reference.self, from: Data(contentsOf: file))
            .perplexity
        let checkpoint = try Checkpoint.open(try #require(Self.model))
        let decoder = try Decoder(checkpoint: checkpoint, crew: WorkCrew(threads: 2))
        let tokenizer = try Tokenizer(checkpoint.tokenizer())
        #expect(tokenizer.encode(reference.text) == reference.tokens)
        var largest = 0.0
        for expected in reference.measured {
            let found = try Perplexity(
                of: reference.tokens,
                windows: SlidingWindows(
                    length: expected.window, stride: expected.stride,
                    limit: decoder.configuration.positionLimit), decoder: decoder)
            #expect(found.predictedCount == expected.predicted)
            largest = max(largest, abs(found.value / expected.perplexity - 1))
        }
        #expect(largest <= 2e-6)
        print("SmolLM2's perplexity against transformers: \(largest)")
    }
}
