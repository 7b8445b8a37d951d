import Formats
import Transformer
import Tuning

/// `rtedit trace`
struct TraceCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let tokens = Knob.integers("tokens", "IDS", "Token ids, separated by commas.")
    static let prompt = Option.value(
        "prompt", "TEXT", short: "p",
        "A text, tokenised with the model's tokenizer; '-' for standard input.")
    static let chat = Option.flag(
        "chat", "Render the prompt as a user's turn with the chat template.")
    static let output = Option.value(
        "output", "FILE", short: "o", "The safetensors file to write.", isRequired: true)

    let name = "trace"
    let summary = "Write every residual stream and all logits of a text to a file."
    let details = """
        The file holds tokens I64 [T], embed F32 [T,D], resid_mid.N and resid_post.N F32 [T,D] for every block N, \
        and logits F32 [T,V].
        """
    let positionals = [Self.model]
    let options =
        Option.declared([Self.tokens, Self.prompt, Self.chat, ChatOptions.date, Self.output])
        + SteeringOptions.all
    let groups = [OptionGroup(.exactlyOne, [Self.tokens, Self.prompt])]
    let examples = [
        Example(
            "Streams of a prompt:",
            "rtedit trace m.gguf --prompt \"Hello\" -o hello.safetensors"),
        Example(
            "The same, steered:",
            "rtedit trace m.gguf --tokens 1,2,3 --vector v.gguf:2@12 -o s.safetensors"),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let output = try arguments.outputPath(Self.output)
        try AtomicFile.checkTarget(output, replacing: arguments.replacesOutputs)
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let numbers = try session.checkpoint.hyperparameters()
        let interventions = try SteeringOptions.interventions(arguments, on: session, console)
        let tokens: [Int]
        if let ids = try arguments.value(Self.tokens, in: 0...(numbers.vocabularySize - 1)) {
            tokens = ids
        } else {
            tokens = try session.renderer().tokens(
                .text(PromptOptions.text(arguments.text(Self.prompt))),
                asChat: arguments.has(Self.chat),
                place: "--prompt")
        }
        let reading = console.progress("reading", total: tokens.count, unit: .things("tokens"))
        let trace = try Trace(
            of: tokens, in: session.decoder(), interventions: interventions,
            reading: { done, _ in reading.reach(done) })
        reading.finish()
        try TraceFile.write(trace, to: output, replacing: arguments.replacesOutputs)
        console.print("\(output): \(trace.entries.count + 1) tensors of \(tokens.count) tokens")
        console.report(
            JSONObject([
                .init("output", .string(output)),
                .init("tokens", .array(tokens.map { .integer($0) })),
                .init("tensors", .array(trace.entries.map { .string($0.name) })),
            ]))
        return .done
    }
}
