import Formats
import Transformer
import Tuning

/// `rtedit generate`
struct GenerateCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let prompt = Option.value(
        "prompt", "TEXT", short: "p", "What to continue.", isRequired: true)
    static let chat = Option.flag(
        "chat", "Take the prompt as a user's turn; needs a chat template.")
    static let system = Option.value("system", "TEXT", "The system message; implies --chat.")
    static let maxTokens = Knob.integer(
        "max-tokens", "N", short: "n", "Generate at most so many tokens.", standard: 128)
    static let temperature = Knob.number(
        "temperature", "X", "Sampling temperature; 0 takes the likeliest token.", standard: 0,
        in: 0...1e6)
    static let topK = Knob.integer(
        "top-k", "K", "Sample among the K likeliest tokens only; 0: all.", standard: 0)
    static let topP = Knob.number(
        "top-p", "P", "Sample among the likeliest tokens that make up this probability.",
        standard: 1, in: 0...1)
    static let seed = Knob.integer("seed", "N", "Seed of the sampling.", standard: 0)

    let name = "generate"
    let summary = "Generate text, steered online or not."
    let positionals = [Self.model]
    let options =
        Option.declared([
            Self.prompt, Self.chat, Self.system, ChatOptions.date, Self.maxTokens, Self.temperature,
            Self.topK, Self.topP, Self.seed,
        ]) + SteeringOptions.all
    let examples = [
        Example("Continue a text:", "rtedit generate model.gguf --prompt \"Once upon a time\""),
        Example(
            "Answer, steered:",
            "rtedit generate m.gguf --chat -p \"Hi!\" --vector mood.gguf:2@10-15"),
        Example(
            "Sample with a seed:",
            "rtedit generate m.gguf -p \"A haiku:\" --temperature 0.8 --seed 7"),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let interventions = try SteeringOptions.interventions(
            arguments, on: session, console)
        let renderer = try session.renderer()
        let text = try arguments.text(Self.prompt)
        let system = arguments.textIfGiven(Self.system)
        let prompt: Prompt =
            arguments.has(Self.chat) || system != nil
            ? .chat(system: system, user: text, assistant: nil) : .text(text)
        let tokens = try renderer.tokens(prompt, place: "--prompt")
        var generator = try TextGenerator(
            session.decoder(),
            options: .init(
                maximumTokens: arguments.value(Self.maxTokens),
                stopTokens: renderer.tokenizer.endOfGeneration,
                sampling: SamplingOptions(
                    temperature: arguments.value(Self.temperature),
                    topK: arguments.value(Self.topK),
                    topP: arguments.value(Self.topP),
                    seed: UInt64(arguments.value(Self.seed))),
                interventions: interventions))
        var stream = TokenTextStream(renderer.tokenizer)
        let start = ContinuousClock.now
        let result = try generator.generate(from: tokens) { token in
            console.write(stream.push(token))
            return true
        }
        console.write(stream.finish() + "\n")
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        console.detail(
            "\(tokens.count) tokens read, \(result.tokens.count) generated in \(Quantity.fixed(elapsed, 2)) s"
        )
        console.report(
            JSONObject([
                .init("text", .string(renderer.tokenizer.decode(result.tokens))),
                .init("tokens", .array(result.tokens.map { .integer($0) })),
                .init("prompt_tokens", .array(tokens.map { .integer($0) })),
                .init("stop", .string(Self.words(result.stopReason))),
            ]))
        return .done
    }

    private static func words(_ reason: TextGenerator.StopReason) -> String {
        switch reason {
        case .stopToken: "end"
        case .maximumTokens: "length"
        case .contextLimit: "context"
        case .caller: "interrupted"
        }
    }
}
