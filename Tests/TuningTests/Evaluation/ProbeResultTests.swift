import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

@Suite struct ProbeResultTests {
    private let fixture: EvaluationFixture
    private let probes: [Probe]

    init() throws {
        fixture = try EvaluationFixture()
        probes = try Probe.read(Samples.path("tiny/probe.jsonl"))
    }

    /// What packing may change in a log-probability. Some kernels add the terms of a whole tile in another order than those
    /// of a rest, so that a token's last bits depend on what it is packed with: about 1e-6 of logits of about 20, in every
    /// token.
    private static let packing = 3e-5

    private func run(_ probes: [Probe], _ interventions: [Intervention] = []) throws -> ProbeResult
    {
        try ProbeResult(
            probes, decoder: fixture.decoder, renderer: fixture.renderer,
            interventions: interventions)
    }

    @Test func packedProbesEqualProbesOneByOne() throws {
        for interventions in [[], fixture.push()] {
            let packed = try run(probes, interventions)
            #expect(packed.items.count == probes.count)
            for (probe, item) in zip(probes, packed.items) {
                let single = try #require(try run([probe], interventions).items.first)
                let naive = try probe.choices.map { try logProbability($0, probe, interventions) }
                for (index, expected) in naive.enumerated() {
                    #expect(abs(item.logProbabilities[index] - expected) < Self.packing)
                    #expect(abs(single.logProbabilities[index] - expected) < Self.packing)
                }
                let right = item.correct
                #expect(
                    item.margin == item.logProbabilities[right] - item.logProbabilities[1 - right])
            }
        }
    }

    /// Everything is computed, then what is asked for is looked up.
    private func logProbability(
        _ choice: String, _ probe: Probe, _ interventions: [Intervention]
    ) throws -> Double {
        let prompt = try fixture.renderer.tokens(probe.prompt, place: probe.place)
        let completion = fixture.renderer.tokenizer.encode(
            choice, addSpecial: false, parseSpecial: false)
        let rows = try fixture.logProbabilities(prompt + completion, interventions)
        return completion.indices.reduce(0) { $0 + rows[prompt.count - 1 + $1][completion[$1]] }
    }

    /// Choices of one prompt share its keys and values: any number, of any length, between others.
    @Test func completionsThatShareAPromptEqualThoseAlone() throws {
        let (first, second) = (fixture.text(9), Array(fixture.text(40)[13...]))
        let sequences = [
            (first, 3), (first, 1), (first, 0), (first, 7), (second, 2), (first, 4), (second, 400),
            (second, 1), (Array(first[..<1]), 5), (Array(first[..<1]), 6),
        ].map { prompt, count in
            TokenSequence(
                prompt: prompt, completion: Array(fixture.text(1000)[count..<(2 * count)]),
                place: "test")
        }
        let scorer = CompletionScorer(decoder: fixture.decoder, interventions: fixture.push())
        let together = try scorer.logProbabilities(of: sequences)
        for (sequence, score) in zip(sequences, together) {
            let alone = try scorer.logProbabilities(of: [sequence])[0]
            #expect(abs(score - alone) <= max(Self.packing, 1e-6 * abs(alone)))
        }
        #expect(together[2] == 0)
    }

    @Test func moreProbesThanAPassTakesGiveTheSame() throws {
        let many = Array(repeating: probes, count: 12).flatMap { $0 }
        let tokens = try many.reduce(0) {
            $0 + (try fixture.renderer.tokens($1.prompt, place: "")).count
        }
        #expect(tokens > PassPlan.tokensPerPass)
        let result = try run(many)
        let once = try run(probes)
        for (index, item) in result.items.enumerated() {
            let expected = once.items[index % probes.count].margin
            #expect(abs(item.margin - expected) < 2 * Self.packing)
        }
    }

    @Test func figuresAreByCategory() {
        let items = [("b", 2.0), ("a", -1), ("b", 1), (nil, 4)].map { category, margin in
            ProbeResult.Item(category: category, logProbabilities: [0, margin, -9], correct: 1)
        }
        let result = ProbeResult(items: items)
        #expect(result.meanMargin == 1.5)
        #expect(result.accuracy == 0.75)
        #expect(result.categories.map(\.name) == [nil, "a", "b"])
        #expect(result.categories.map(\.result.meanMargin) == [4, -1, 1.5])
        #expect(result.marginInterval()?.lower ?? 9 < 1.5)
        #expect(result.categories[1].result.marginInterval() == nil)
    }

    @Test func theMarginIsOverTheLikeliestOther() {
        let item = ProbeResult.Item(category: nil, logProbabilities: [-5, -2, -3, -9], correct: 2)
        #expect(item.margin == -1)
        #expect(!item.isRight)
    }
}
