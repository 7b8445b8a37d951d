import Formats
import Transformer

/// Measures models that share their lowest blocks: those are run once for each text and their outputs kept.
final class ModelEvaluator {
    /// A probe as tokens: the same prompt before each of its choices.
    struct Question {
        let choices: [TokenSequence]
        let correct: Int

        init(_ probe: Probe, _ renderer: PromptRenderer) throws {
            let prompt = try renderer.tokens(probe.prompt, place: probe.place)
            choices = try probe.choices.map {
                try renderer.continuation($0, of: prompt, place: probe.place)
            }
            correct = probe.correct
        }

        var prompt: [Int] { Array(choices[0].tokens[..<choices[0].promptCount]) }

        /// The correct choice, or the first of the others.
        func choice(isCorrect: Bool) -> TokenSequence {
            let other = correct == 0 ? 1 : 0
            return choices[isCorrect ? correct : other]
        }
    }

    let prefixes: PrefixCache
    private let base: Decoder

    /// Rows that run together.
    private static let rowsPerPass = 1024

    /// - Parameters:
    ///   - base: the model that all others have their lowest blocks from.
    ///   - firstBlock: the first block that may differ, and that may be steered.
    init(base: Decoder, firstBlock: Int, byteLimit: Int) {
        self.base = base
        prefixes = PrefixCache(
            base, blocks: firstBlock, interventions: [], byteLimit: byteLimit)
    }

    // MARK: - Questions

    /// log p(correct) − the largest log p of another choice, for every question, in nats.
    func margins(
        _ questions: [Question], of decoder: Decoder, steered interventions: [Intervention] = []
    ) throws -> [Double] {
        let scores = try CompletionScorer(
            decoder: decoder, interventions: interventions, prefixes: prefixes
        ).logProbabilities(of: questions.flatMap(\.choices))
        var rest = scores[...]
        return questions.map { question in
            defer { rest = rest.dropFirst(question.choices.count) }
            return ProbeResult.Item(
                category: nil, logProbabilities: Array(rest.prefix(question.choices.count)),
                correct: question.correct
            ).margin
        }
    }

    // MARK: - Text

    /// What a model makes of windows of text.
    struct TextResult {
        /// Mean −log p of each window's tokens but the first, in nats.
        var losses: [Double]
        /// KL(base ‖ model), the mean over every eighth position.
        var divergence: Double
    }

    /// Mean −log p of each window's tokens but the first, in nats.
    func losses(
        _ windows: [[Int]], of decoder: Decoder, steered interventions: [Intervention] = []
    ) throws -> [Double] {
        let pass = try GradientPass(decoder, keptBytes: 0)
        return try windows.map { window in
            try run(pass, [window], interventions)
            return Self.loss(of: window, in: pass)
        }
    }

    /// Of a window that was run.
    private static func loss(of window: [Int], in pass: GradientPass) -> Double {
        let predictions = (1..<window.count).map { token in
            LogitTarget(token: window[token], row: token - 1)
        }
        let losses = pass.lossesOnLogits(predictions)
        return losses.reduce(0, +) / Double(losses.count)
    }

    /// Perplexity and divergence on windows of equal length, each on its own.
    func readText(
        _ windows: [[Int]], by decoder: Decoder, steered interventions: [Intervention] = []
    ) throws -> TextResult {
        let pass = try GradientPass(decoder, keptBytes: 0)
        var result = TextResult(losses: [], divergence: 0)
        var compared = 0
        for window in windows {
            try run(pass, [window], interventions)
            result.losses.append(Self.loss(of: window, in: pass))
            let stream = try prefixes.finalStream(window)
            let width = stream.count / window.count
            let comparisons = stride(from: 0, to: window.count, by: 8).map { token in
                let row = stream[(token * width)..<((token + 1) * width)]
                return LogitTarget(row: token, weight: 1, kind: .stream(Array(row)))
            }
            result.divergence += pass.lossesOnLogits(comparisons, reference: base).reduce(0, +)
            compared += comparisons.count
        }
        result.divergence /= Double(max(compared, 1))
        return result
    }

    // MARK: - Stream

    /// The mean cosine of the stream and the direction at one position of prompts, for every block that is run.
    func cosines(
        _ prompts: [[Int]], with directions: [Int: [Float]], at position: Position,
        of decoder: Decoder, steered interventions: [Intervention] = []
    ) throws -> [Int: Double] {
        let pass = try GradientPass(decoder, keptBytes: 0)
        var sums: [Int: Double] = [:]
        for part in PassPlan.passes(prompts.map(\.count), limit: Self.rowsPerPass) {
            try run(pass, Array(prompts[part]), interventions)
            for (place, rows) in zip(part, pass.sequences) {
                let count = prompts[place].count
                guard let tokens = position.tokens(promptCount: count, totalCount: count) else {
                    continue
                }
                for block in pass.blocks {
                    guard let direction = directions[block] else { continue }
                    for token in tokens {
                        let row = rows.lowerBound + token
                        let cosine = pass.withStream(.residPost, block: block, row: row) {
                            CosineLoss($0, direction).value
                        }
                        sums[block, default: 0] += cosine / Double(tokens.count * prompts.count)
                    }
                }
            }
        }
        return sums
    }

    private func run(
        _ pass: GradientPass, _ tokens: [[Int]], _ interventions: [Intervention]
    ) throws {
        let blockCount = base.configuration.sizes.blockCount
        try pass.forward(
            prefixes.sequences(tokens), blocks: prefixes.blocks..<blockCount,
            interventions: interventions)
    }
}
