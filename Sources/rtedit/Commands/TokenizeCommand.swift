import Formats
import Transformer
import Tuning

/// `rtedit tokenize`
struct TokenizeCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let text = Positional(
        "TEXT", "The text, '-' for standard input; leave it out with --decode.", isOptional: true)
    static let chat = Option.flag(
        "chat", "Render the text as a user's turn with the chat template.")
    static let noSpecial = Option.flag(
        "no-special", "Add no begin or end token, and take special tokens' text as plain text.")
    static let decode = Knob.integers(
        "decode", "IDS", "Turn token ids, separated by commas, into text.")

    let name = "tokenize"
    let summary = "Turn text into token ids, or ids into text."
    let positionals = [Self.model, Self.text]
    let options = Option.declared([Self.chat, ChatOptions.date, Self.noSpecial, Self.decode])
    let examples = [
        Example("The ids of a text:", "rtedit tokenize model.gguf \"Hello world\""),
        Example("With their pieces:", "rtedit tokenize model.gguf \"Hello world\" --json"),
        Example("Back to text:", "rtedit tokenize model.gguf --decode 19556,905"),
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let renderer = try session.renderer()
        let tokenizer = renderer.tokenizer
        let tokens: [Int]
        if let ids = try arguments.value(Self.decode, in: 0...(tokenizer.vocabularySize - 1)) {
            guard arguments.textIfGiven(Self.text) == nil else {
                throw UsageError.extraArgument(try arguments.text(Self.text))
            }
            tokens = ids
            console.print(tokenizer.decode(ids, skipSpecial: false))
        } else {
            let text = try PromptOptions.text(arguments.text(Self.text))
            let usesSpecial = !arguments.has(Self.noSpecial)
            tokens =
                arguments.has(Self.chat)
                ? try renderer.tokens(.text(text), asChat: true, place: "TEXT")
                : tokenizer.encode(text, addSpecial: usesSpecial, parseSpecial: usesSpecial)
            console.print(tokens.map(String.init).joined(separator: " "))
        }
        console.report(
            JSONObject([
                .init("tokens", .array(tokens.map { .integer($0) })),
                .init("pieces", .array(tokens.map { .string(tokenizer.piece(of: $0)) })),
                .init("text", .string(tokenizer.decode(tokens, skipSpecial: false))),
            ]))
        return .done
    }
}
