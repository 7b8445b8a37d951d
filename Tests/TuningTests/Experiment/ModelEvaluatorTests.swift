import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// What an experiment measures, above blocks that are run once, against what `eval` measures.
@Suite struct ModelEvaluatorTests {
    private let fixture: EvaluationFixture
    private let evaluator: ModelEvaluator
    private let questions: [ModelEvaluator.Question]
    private let probes: [Probe]

    init() throws {
        fixture = try EvaluationFixture()
        evaluator = ModelEvaluator(base: fixture.decoder, firstBlock: 2, byteLimit: 1 << 24)
        probes = try Probe.read(Samples.path("tiny/probe.jsonl"))
        let renderer = fixture.renderer
        questions = try probes.map { try ModelEvaluator.Question($0, renderer) }
    }

    private var push: Intervention {
        let width = fixture.decoder.configuration.sizes.hiddenSize
        return Intervention(block: 3, vector: (0..<width).map { $0 % 3 == 0 ? 0.5 : -0.2 })
    }

    @Test func marginsEqualThoseOfProbes() throws {
        for interventions in [[], [push]] {
            let expected = try ProbeResult(
                probes, decoder: fixture.decoder, renderer: fixture.renderer,
                interventions: interventions)
            let found = try evaluator.margins(
                questions, of: fixture.decoder, steered: interventions)
            for (margin, item) in zip(found, expected.items) {
                #expect(abs(margin - item.margin) < 1e-4)
            }
        }
    }

    @Test func theOtherOfManyChoicesIsTheFirstWrongOne() throws {
        let folder = try TemporaryFolder()
        let line =
            #"{"prompt": "The sky is", "choices": [" red", " green", " blue"], "correct": 2}"#
        let path = try folder.write(Array(line.utf8), as: "probe.jsonl")
        let probe = try #require(try Probe.read(path).first)
        let question = try ModelEvaluator.Question(probe, fixture.renderer)
        #expect(question.choice(isCorrect: true) == question.choices[2])
        #expect(question.choice(isCorrect: false) == question.choices[0])
        #expect(question.prompt == (try fixture.renderer.tokens(probe.prompt, place: path)))
    }

    @Test func textEqualsPerplexity() throws {
        let window = questions.prefix(4).flatMap(\.prompt)
        let expected = try Perplexity(
            of: window,
            windows: SlidingWindows(length: window.count, stride: window.count, limit: 4096),
            decoder: fixture.decoder)
        let found = try evaluator.readText([window], by: fixture.decoder)
        #expect(abs(found.losses[0] - expected.meanLoss) < 1e-5)
        #expect(abs(found.divergence) < 1e-6)
        let steered = try evaluator.readText([window], by: fixture.decoder, steered: [push])
        #expect(steered.divergence > 1e-4)
    }

    @Test func cosinesAreThoseOfTheStream() throws {
        let direction = push.vector
        let prompts = questions.prefix(3).map(\.prompt)
        let found = try evaluator.cosines(
            prompts, with: [3: direction], at: .index(-1), of: fixture.decoder)
        var sum = 0.0
        for prompt in prompts {
            let observer = StreamObserver(sites: [.residPost], scope: .last) { place, rows in
                if place.block == 3 { sum += CosineLoss(rows, direction).value }
            }
            try fixture.decoder.forward([DecoderSlice(prompt)], observer: observer)
        }
        #expect(abs((found[3] ?? 0) - sum / 3) < 1e-6)
        #expect(found.count == 1)
    }
}
