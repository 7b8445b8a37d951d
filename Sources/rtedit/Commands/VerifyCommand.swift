import Formats
import Transformer
import Tuning

/// `rtedit verify`
struct VerifyCommand: Command {
    static let base = Positional("BASE", "The unedited model.")
    static let edited = Positional("EDITED", "The edited checkpoint, as it was written.")
    static let prompts = Option.value(
        "prompts", "FILE", "Prompts, one JSON object {\"prompt\": X} a line.")
    static let chat = Option.flag("chat", "Take plain strings as a user's turn.")
    static let tolerance = Knob<Double?>.number(
        "tolerance", "X",
        "Largest relative difference allowed; derived from the types if not given.", in: 0...1)
    static let positions = Knob<Int?>.integer(
        "positions", "N", "The most positions of a text that are compared; all if not given.",
        in: 1...10_000_000)
    static let maxTokens = Knob.integer(
        "max-tokens", "N", short: "n", "Greedy tokens generated from each prompt.", standard: 24,
        in: 1...100_000)

    let name = "verify"
    let summary = "Prove from disk that an edited checkpoint equals online steering, or its base."
    let details = """
        Both files are opened anew. Every row of every tensor must be the base's, its rounding to the type it is \
        stored in, or hold the edit. The base is steered online, its weights rounded as the edited file has them, and \
        the edited one runs as it is, on the same tokens; every block's residual stream and the logits are compared at \
        every position of every prompt, and of one more text where a model has a window or a rotary scaling that only \
        a longer one meets. The strength of what is added, ablated or scaled is measured place by place. Controls show that the test can tell: strength 0 must equal the base bit \
        for bit, and other directions, or the vectors one block off, must not pass. Exit code 1 where the two are \
        not equal, or cannot be told apart from what they must not be (UNDECIDABLE).

        Without --vector and --ablate the two must be the same model, as a checkpoint and its conversion are, or the \
        other one rounded to other types: what that costs is printed.
        """
    let positionals = [Self.base, Self.edited]
    let options =
        SteeringOptions.all
        + Option.declared([
            Self.prompts, Self.chat, ChatOptions.date, Self.positions, Self.tolerance,
            Self.maxTokens,
        ])
    let examples = [
        Example(
            "A baked file against its base:",
            "rtedit verify m.gguf cheerful.gguf --vector mood.gguf:1.5@10-15"),
        Example("A converted model against the original:", "rtedit verify m.gguf m-folder"),
    ]

    /// Texts of different kinds, for calls without --prompts.
    private static let standardPrompts = [
        "The capital of France is", "Once upon a time there was a small village where",
        "def add(a, b):\n    return", "To be, or not to be, that is the question:",
        "12 + 30 = 42, and 7 x 8 =", "Dear Sir or Madam, I am writing to you because",
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let base = try ModelSession(arguments.text(Self.base), arguments, console)
        let edited = try ModelSession(
            arguments.text(Self.edited), arguments, console, crew: base.crew)
        let interventions = try SteeringOptions.interventions(
            arguments, on: base, console)
        let renderer = try base.renderer()
        let prompts = try prompts(arguments, renderer)
        let tokenizers = try TokenizerAgreement(
            base: base.checkpoint, edited: edited.checkpoint, prompts: prompts,
            tokenizer: { try edited.renderer().tokenizer })
        let progress = console.progress("verifying", total: 100, unit: .things("%"))
        let verification = try Verification(
            base: base.checkpoint, edited: edited.checkpoint, interventions: interventions,
            prompts: fitting(prompts, arguments, [base, edited]),
            positionLimit: arguments.value(Self.positions),
            tolerance: arguments.value(Self.tolerance),
            textLength: arguments.value(Self.maxTokens), crew: base.crew,
            stopTokens: renderer.tokenizer.endOfGeneration,
            decode: { renderer.tokenizer.decode($0) }
        ) { done, all in progress.reach(100 * done / max(all, 1)) }
        progress.finish()
        let passes = verification.passes && tokenizers.isSame != false
        VerificationView(verification, tokenizers: tokenizers, passes: passes).show(on: console)
        return passes ? .done : .checkFailed
    }

    /// The built-in prompts cut to what models of a tiny context can take; a user's own are never cut.
    private func fitting(
        _ prompts: [(tokens: [Int], text: String)], _ arguments: ParsedArguments,
        _ sessions: [ModelSession]
    ) throws -> [(tokens: [Int], text: String)] {
        guard !arguments.isGiven(Self.prompts) else { return prompts }
        let limit = try sessions.map { try DecoderConfiguration($0.checkpoint).positionLimit }.min()
        return prompts.map { (Array($0.tokens.prefix(limit ?? $0.tokens.count)), $0.text) }
    }

    private func prompts(
        _ arguments: ParsedArguments, _ renderer: PromptRenderer
    ) throws -> [(tokens: [Int], text: String)] {
        let asChat = arguments.has(Self.chat)
        var prompts = Self.standardPrompts.map { (Prompt.text($0), "built-in prompt") }
        if let path = arguments.textIfGiven(Self.prompts) {
            prompts = try JSONLines.read(path).map { place, object in
                guard let value = object["prompt"] else {
                    throw PromptError.missingMember(place: place, key: "prompt")
                }
                return (try Prompt(value, place: place), place)
            }
        }
        return try prompts.map { prompt, place in
            (
                try renderer.tokens(prompt, asChat: asChat, place: place),
                try renderer.text(prompt, asChat: asChat)
            )
        }
    }
}
