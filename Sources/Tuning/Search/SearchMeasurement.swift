import Formats
import Transformer

/// Measures steering on the parts of the data, above blocks of the plain model that are run once for each part.
final class SearchMeasurement {
    /// What a part of the data is.
    struct Data {
        let probes: [Probe]
        /// What divergence, and with a text perplexity, are measured on.
        let runs: [Divergence.Run]
    }

    private let decoder: Decoder
    private let data: [SearchPart: Data]
    private let sequences: [SearchPart: [TokenSequence]]
    private let memory: Int
    private let report: (String) -> Void
    /// The part whose passes are kept.
    private var prepared: Prepared?

    private struct Prepared {
        let part: SearchPart
        let probes: PassRecording
        let runs: PassRecording
        let plain: SearchFigures
    }

    /// - Parameters:
    ///   - memory: what streams and logits may take, in bytes.
    ///   - report: called with what is kept.
    /// - Throws: what rendering the probes throws.
    init(
        decoder: Decoder, renderer: PromptRenderer, asChat: Bool, data: [SearchPart: Data],
        memory: Int, report: @escaping (String) -> Void
    ) throws {
        self.decoder = decoder
        self.data = data
        self.memory = memory
        self.report = report
        sequences = try data.mapValues {
            try ProbeResult.sequences($0.probes, renderer: renderer, asChat: asChat)
        }
    }

    /// How many probes a part has.
    func probeCount(_ part: SearchPart) -> Int { data[part]?.probes.count ?? 0 }

    /// The plain model's figures.
    func plain(_ part: SearchPart) throws -> SearchFigures { try prepare(part).plain }

    /// The figures of steering. They have the bits that `ProbeResult` and `Divergence` of the part's probes and text have.
    func figures(
        steeredBy interventions: [Intervention], _ part: SearchPart
    ) throws -> SearchFigures {
        let recordings = try prepare(part)
        // The stream at a block's input is the plain model's up to the first block that is steered, and including it.
        let block = interventions.map(\.block).min()
        return try measure(
            part, interventions, probes: recordings.probes.player(steeredFrom: block),
            reference: recordings.runs.player(steeredFrom: nil),
            model: recordings.runs.player(steeredFrom: block))
    }

    private func prepare(_ part: SearchPart) throws -> Prepared {
        if let prepared, prepared.part == part { return prepared }
        prepared = nil
        let probes = PassRecording(
            decoder, budget: .init(bytes: memory / 2), keepsLogits: false)
        // Logits get no more than half of what the probes are sure to leave.
        let positions = data[part]?.runs.reduce(0) { $0 + $1.tokens.count - $1.first } ?? 0
        let vocabulary = decoder.configuration.sizes.vocabularySize
        let (logits, overflow) = positions.multipliedReportingOverflow(by: 4 * vocabulary)
        let runs = PassRecording(
            decoder, budget: .init(bytes: memory - memory / 2),
            keepsLogits: !overflow && logits <= memory / 4)
        let plain = try measure(
            part, [], probes: probes.recorder, reference: runs.recorder,
            model: runs.player(steeredFrom: nil))
        let megabytes = (probes.byteCount + runs.byteCount) / 1_000_000
        report(
            "\(part.rawValue): \(probeCount(part)) probes, \(positions) positions; kept \(megabytes) MB of "
                + "the plain model, its stream at every \(max(probes.spacing, runs.spacing)) blocks"
        )
        let found = Prepared(part: part, probes: probes, runs: runs, plain: plain)
        prepared = found
        return found
    }

    private func measure(
        _ part: SearchPart, _ interventions: [Intervention], probes: any PassRunner,
        reference: any PassRunner, model: any PassRunner
    ) throws -> SearchFigures {
        let scorer = CompletionScorer(
            decoder: decoder, interventions: interventions, runner: probes)
        let scores = try scorer.logProbabilities(of: sequences[part] ?? [])
        let result = ProbeResult(data[part]?.probes ?? [], scores: scores)
        var divergence: Divergence?
        if let runs = data[part]?.runs, !runs.isEmpty {
            divergence = try Divergence(
                from: reference, to: model, runs: runs, interventions: interventions
            ) { _, _ in }
        }
        return SearchFigures(
            margins: result.items.map(\.margin), divergence: divergence?.mean,
            loss: divergence?.meanLoss)
    }
}
