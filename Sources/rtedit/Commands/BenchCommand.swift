import Formats
import Transformer

/// `rtedit bench`
struct BenchCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let promptTokens = Option.value(
        "prompt-tokens", "N", "Tokens of the prefill.", standard: "512")
    static let newTokens = Option.value(
        "max-tokens", "N", short: "n", "Tokens decoded one by one.", standard: "64")
    static let runs = Option.value(
        "runs", "N", "Runs after one that does not count; the median is shown.", standard: "5")

    let name = "bench"
    let summary = "Measure how fast a model reads a prompt and generates."
    let positionals = [Self.model]
    let options = [Self.promptTokens, Self.newTokens, Self.runs]
    let examples = [Example("With two threads:", "rtedit bench model.gguf --threads 2")]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let decoder = try session.decoder()
        let vocabulary = decoder.configuration.sizes.vocabularySize
        let context = decoder.configuration.positionLimit
        let prefill = try arguments.integer(Self.promptTokens, in: 1...context)
        let new = try arguments.integer(Self.newTokens, in: 1...context)
        let runs = try arguments.integer(Self.runs, in: 1...1000)
        // Any tokens do: the work does not depend on them.
        let tokens = (0..<prefill).map { ($0 * 7919 + 1) % vocabulary }
        let reading = try Self.medianSeconds(runs) {
            try decoder.forward(
                [DecoderSlice(tokens, cache: KeyValueCache(decoder.configuration))],
                logits: LogitsReceiver(scope: .last) { _, _, _ in })
        }
        let writing = try Self.medianSeconds(runs) {
            let cache = KeyValueCache(decoder.configuration)
            for index in 0..<new {
                try decoder.forward(
                    [DecoderSlice([tokens[index % prefill]], cache: cache)],
                    logits: LogitsReceiver(scope: .last) { _, _, _ in })
            }
        }
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
        return times.sorted()[times.count / 2]
    }
}
