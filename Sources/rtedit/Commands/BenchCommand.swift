import Formats
import Transformer
import Tuning

/// `rtedit bench`
struct BenchCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let promptTokens = Knob.integer(
        "prompt-tokens", "N", "Tokens of the prefill.", standard: 512, in: 1...Int.max)
    static let newTokens = Knob.integer(
        "max-tokens", "N", short: "n", "Tokens decoded one by one.", standard: 64, in: 1...Int.max)
    static let runs = Knob.integer(
        "runs", "N", "Runs after one that does not count; the median is shown.", standard: 5,
        in: 1...1000)

    static let train = Knob<TrainingBenchmark.Mode?>.choice(
        "train", "WHAT",
        "Measure tuning steps in place of generation: a LoRA of rank 8, the middle blocks, or all weights."
    )
    static let sequences = Knob.integer(
        "sequences", "N", "With --train: sequences of a step.", standard: 8, in: 1...4096)
    static let sequenceTokens = Knob.integer(
        "sequence-tokens", "N", "With --train: tokens of a sequence.", standard: 64,
        in: 2...Int.max)

    let name = "bench"
    let summary = "Measure how fast a model reads a prompt and generates, or is tuned."
    let details = """
        A tuning step is one of AdamW on sequences of random tokens, with the loss 1 - cos at every position of the \
        middle block and cross-entropy at every position.
        """
    let positionals = [Self.model]
    let options = Option.declared([
        Self.promptTokens, Self.newTokens, Self.runs, Self.train, Self.sequences,
        Self.sequenceTokens,
    ])
    let examples = [Example("With two threads:", "rtedit bench model.gguf --threads 2")]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        if let mode = try arguments.value(Self.train) {
            return try measureTraining(mode, session, arguments, console)
        }
        let decoder = try session.decoder()
        let vocabulary = decoder.configuration.sizes.vocabularySize
        let context = decoder.configuration.positionLimit
        let prefill = try arguments.value(Self.promptTokens, in: 1...context)
        let new = try arguments.value(Self.newTokens, in: 1...context)
        let runs = try arguments.value(Self.runs)
        // Any tokens do: the work does not depend on them.
        let tokens = (0..<prefill).map { ($0 * 7919 + 1) % vocabulary }
        let progress = console.progress("measuring", total: 2 * (runs + 1), unit: .things("runs"))
        let reading = try Self.medianSeconds(runs) {
            defer { progress.advance() }
            try decoder.forward(
                [DecoderSlice(tokens, cache: SequenceCache(decoder.configuration))],
                logits: LogitsReceiver(scope: .last) { _, _, _ in })
        }
        let writing = try Self.medianSeconds(runs) {
            defer { progress.advance() }
            let cache = SequenceCache(decoder.configuration)
            for index in 0..<new {
                try decoder.forward(
                    [DecoderSlice([tokens[index % prefill]], cache: cache)],
                    logits: LogitsReceiver(scope: .last) { _, _, _ in })
            }
        }
        progress.finish()
        let (read, written) = (Double(prefill) / reading, Double(new) / writing)
        var table = Table([
            .left("model"), .right("threads"), .right("prefill \(prefill)"),
            .right("decode \(new)"),
        ])
        table.add(
            session.checkpoint.path, "\(session.crew.threads)",
            "\(Quantity.fixed(read, 1)) tokens/s",
            "\(Quantity.fixed(written, 1)) tokens/s")
        console.print(table)
        console.report(
            JSONObject([
                .init("prefill_tokens_per_second", .number(read)),
                .init("decode_tokens_per_second", .number(written)),
                .init("prefill_tokens", .integer(prefill)), .init("decode_tokens", .integer(new)),
                .init("threads", .integer(session.crew.threads)),
            ]))
        return .done
    }

    private func measureTraining(
        _ mode: TrainingBenchmark.Mode, _ session: ModelSession, _ arguments: ParsedArguments,
        _ console: Console
    ) throws -> ExitCode {
        let numbers = try session.checkpoint.hyperparameters()
        let sequences = try arguments.value(Self.sequences)
        let length = try arguments.value(Self.sequenceTokens, in: 2...numbers.contextLength)
        let benchmark = try TrainingBenchmark(
            mode, checkpoint: session.checkpoint, sequences: sequences, length: length,
            steps: try arguments.value(Self.runs) + 1, crew: session.crew)
        let times = try benchmark.run()
        let (fastest, median) = (times.min() ?? 0, Quantile.middle(of: times) ?? 0)
        let rate = Double(sequences * length) / median
        var table = Table([
            .left("tuned"), .right("threads"), .right("step"), .right("fastest"),
            .right("tokens/s"), .right("peak memory"),
        ])
        table.add(
            mode.rawValue, "\(session.crew.threads)", "\(Quantity.fixed(median, 2)) s",
            "\(Quantity.fixed(fastest, 2)) s", Quantity.fixed(rate, 0),
            Quantity.bytes(Processor.peakMemory))
        console.print(table)
        console.report(
            JSONObject([
                .init("tuned", .string(mode.rawValue)), .init("step_seconds", .number(median)),
                .init("fastest_step_seconds", .number(fastest)),
                .init("tokens_per_second", .number(rate)),
                .init("peak_memory_bytes", .integer(Processor.peakMemory)),
                .init("threads", .integer(session.crew.threads)),
            ]))
        return .done
    }

    /// The median duration of some runs after a first one that warms up.
    private static func medianSeconds(_ runs: Int, _ work: () throws -> Void) rethrows -> Double {
        try work()
        var times: [Double] = []
        for _ in 0..<runs {
            let start = ContinuousClock.now
            try work()
            times.append((ContinuousClock.now - start) / .seconds(1))
        }
        return Quantile.middle(of: times) ?? 0
    }
}
