@testable import rtedit

/// A command with one of everything that can be declared.
struct SampleCommand: Command {
    static let model = Positional("MODEL", "The checkpoint to read.")
    static let place = Positional("PLACE", "Where.", allowed: ["here", "there"], isOptional: true)
    static let output = Option.value(
        "output", "FILE", short: "o", "The file to write.", isRequired: true)
    static let vector = Option.list("vector", "SPEC", "A vector to add; several add up.")
    static let ablate = Option.list("ablate", "SPEC", "A vector to take out.")
    static let prompt = Option.value("prompt", "TEXT", "The text to begin with.")
    static let tokens = Knob.integers("tokens", "IDS", "Token ids, separated by commas.")
    enum Method: String, CaseIterable { case auto, bias }
    static let method = Knob.choice("method", "METHOD", "How.", standard: Method.auto)
    static let seed = Knob<Int?>.integer("seed", "N", "The seed.", in: -10...10)
    static let scale = Knob.number("scale", "X", "A factor.", standard: 1, in: -1...1)
    static let chat = Option.flag("chat", "Use the chat template.")

    let name = "sample"
    let summary = "Show everything a command can declare."
    let details = """
        The first paragraph, which is long enough to be wrapped when the help is as narrow as
        eighty columns.

        The second paragraph.
        """
    let positionals = [model, place]
    let options = Option.declared([
        output, vector, ablate, prompt, tokens, method, seed, scale, chat,
    ])
    let groups = [
        OptionGroup(.exactlyOne, [prompt, tokens]), OptionGroup(.atLeastOne, [vector, ablate]),
    ]
    let examples = [
        Example("One of each:", "rtedit sample a.gguf --prompt Hi --vector v.gguf -o out.gguf")
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode { .done }

    static func parse(_ words: [String]) throws(UsageError) -> ParsedArguments {
        try ArgumentParser(command: SampleCommand()).parse(words)
    }

    /// The least that must be given.
    static let required = ["m", "-o", "out", "--prompt", "p", "--vector", "v"]
}
