import Formats
import Transformer
import Tuning

/// The options that say what a model is to continue.
enum PromptOptions {
    static let prompt = Option.list(
        "prompt", "TEXT", short: "p",
        "What to continue, '-' for the text on standard input; may be given again.")
    static let prompts = Option.value(
        "prompts", "FILE",
        "Prompts, one JSON object {\"prompt\": X} a line; '-' for standard input.")
    static let chat = Option.flag(
        "chat", "Take the prompt as a user's turn; needs a chat template.")
    static let system = Option.value("system", "TEXT", "The system message; implies --chat.")

    static let all = Option.declared([prompt, prompts, chat, system, ChatOptions.date])

    /// The text that a call gives, or that of standard input for `-`.
    ///
    /// - Throws: what `TextFile.readPrompt` throws.
    static func text(_ text: String) throws -> String {
        text == StandardInput.path ? try TextFile.readPrompt() : text
    }

    /// The prompts of a call with their places, in its order, those of a file last.
    ///
    /// - Throws: what reading standard input or the file throws.
    static func prompts(_ arguments: ParsedArguments) throws -> [(prompt: Prompt, place: String)] {
        var prompts = try arguments.values(prompt).map {
            (Prompt.text(try text($0)), prompt.flagText)
        }
        if let file = arguments.textIfGiven(Self.prompts) { prompts += try Prompt.readFile(file) }
        guard let system = arguments.textIfGiven(system) else { return prompts }
        return prompts.map { ($0.0.withSystem(system), $0.1) }
    }
}

/// The options that say how tokens are chosen.
enum SamplingCall {
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

    static let all = Option.declared([maxTokens, temperature, topK, topP, seed])

    /// What a call asks for.
    ///
    /// - Throws: `UsageError` where a value is none of the option's.
    static func options(_ arguments: ParsedArguments) throws(UsageError) -> SamplingOptions {
        SamplingOptions(
            temperature: try arguments.value(temperature), topK: try arguments.value(topK),
            topP: try arguments.value(topP), seed: UInt64(try arguments.value(seed)))
    }
}
