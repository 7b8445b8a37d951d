import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// What a search measures above blocks that are kept, against what `eval` measures.
@Suite struct SearchMeasurementTests {
    private let fixture: EvaluationFixture
    private let probes: [Probe]
    private let text: [Int]
    private let windows: SlidingWindows

    init() throws {
        fixture = try EvaluationFixture()
        probes = try Probe.read(Samples.path("tiny/probe.jsonl"))
        text = fixture.text(150)
        windows = try SlidingWindows(length: 64, stride: 32, limit: 4096)
    }

    private func measurement(memory: Int, hasText: Bool = true) throws -> SearchMeasurement {
        let runs: [Divergence.Run] =
            hasText
            ? Array(try Divergence.runs(text, windows: windows))
            : try probes.map {
                Divergence.Run(
                    tokens: try fixture.renderer.tokens($0.prompt, place: $0.place), first: 0)
            }
        return try SearchMeasurement(
            decoder: fixture.decoder, renderer: fixture.renderer, asChat: false,
            data: [.choice: .init(probes: probes, runs: runs)], memory: memory
        ) { _ in }
    }

    private func push(_ site: Site, _ block: Int) -> Intervention {
        let width = fixture.decoder.configuration.sizes.hiddenSize
        return Intervention(
            site: site, block: block, vector: (0..<width).map { $0 % 3 == 0 ? 0.5 : -0.2 },
            strength: 0.7)
    }

    /// Memory for everything, for streams at some blocks, for none.
    @Test(arguments: [1 << 30, 600_000, 200_000, 0])
    func everyBitIsThatOfEval(memory: Int) throws {
        let measurement = try measurement(memory: memory)
        let last = fixture.decoder.configuration.sizes.blockCount - 1
        let steered = [
            [push(.residPost, 2)], [push(.residMid, last)], [push(.embed, 0)],
            [push(.residPost, 1), push(.residPost, last)], [push(.residPost, 2)],
        ]
        for interventions in steered {
            let found = try measurement.figures(steeredBy: interventions, .choice)
            let expected = try ProbeResult(
                probes, decoder: fixture.decoder, renderer: fixture.renderer,
                interventions: interventions)
            #expect(found.margins == expected.items.map(\.margin))
            #expect(found.margin == expected.meanMargin)
            #expect(found.accuracy == expected.accuracy)
            let divergence = try Divergence(
                from: fixture.decoder, to: fixture.decoder, text: text, windows: windows,
                interventions: interventions)
            #expect(found.divergence == divergence.mean)
            #expect(found.divergence ?? 0 > 1e-4)
            let perplexity = try Perplexity(
                of: text, windows: windows, decoder: fixture.decoder, interventions: interventions)
            #expect(abs((found.loss ?? 0) - perplexity.meanLoss) < 1e-6)
        }
        let plain = try measurement.plain(.choice)
        #expect(plain.divergence == 0)
    }

    @Test func withoutATextPromptsAreCompared() throws {
        let measurement = try measurement(memory: 1 << 24, hasText: false)
        let interventions = [push(.residPost, 1)]
        let found = try measurement.figures(steeredBy: interventions, .choice)
        let divergence = try Divergence(
            from: fixture.decoder, to: fixture.decoder,
            prompts: probes.map {
                try fixture.renderer.tokens($0.prompt, place: $0.place)
            }, interventions: interventions)
        #expect(found.divergence == divergence.mean)
        #expect(found.loss == nil)
    }

    /// Passes and rows that are kept stay within the bound at every moment, and less is kept in less.
    @Test func memoryIsBounded() throws {
        var kept: [Int] = []
        for bytes in [0, 40_000, 400_000, 1 << 26] {
            let recording = PassRecording(
                fixture.decoder, budget: .init(bytes: bytes), keepsLogits: true)
            let runs = Array(try Divergence.runs(text, windows: windows))
            _ = try Divergence(
                from: recording.recorder, to: recording.player(steeredFrom: nil), runs: runs,
                interventions: []
            ) { _, _ in }
            #expect(recording.byteCount <= bytes)
            kept.append(recording.byteCount)
        }
        #expect(kept == kept.sorted())
        #expect(kept[0] == 0 && kept[3] > kept[2] && kept[2] > 0)
    }

    @Test func figuresAreReadAsTheyWereWritten() throws {
        for figures in [
            SearchFigures(margins: [0.1, -1.0 / 3], divergence: 1e-7, loss: 2.5),
            SearchFigures(margins: [1, 2], divergence: nil, loss: nil),
        ] {
            let bytes = JSONWriter().bytes(.object(figures.json))
            let object = try #require(JSONReader.parse(bytes, source: "figures").object)
            #expect(SearchFigures(object, probes: 2) == figures)
            #expect(SearchFigures(object, probes: 3) == nil)
        }
        let broken = SearchFigures(margins: [.nan, 1], divergence: 1, loss: nil)
        #expect(SearchFigures(broken.json, probes: 2)?.isFinite == false)
        #expect(SearchFigures(JSONObject(), probes: 2) == nil)
    }
}
