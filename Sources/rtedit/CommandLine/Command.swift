/// One thing rtedit does: what its help, its parsing and its completions are made from, and its body.
///
/// A command is a file in `Commands` and a line in `CommandRegistry`.
protocol Command: Sendable {
    /// The word that calls it.
    var name: String { get }
    /// One sentence, at most a line of help.
    var summary: String { get }
    /// What a user should know beyond the summary; paragraphs are separated by an empty line.
    var details: String { get }
    var positionals: [Positional] { get }
    /// The command's own options; those of every command are `Option.common`.
    var options: [Option] { get }
    /// The same options under the headings of the command's help.
    var sections: [OptionSection] { get }
    /// Options of which one must be given.
    var groups: [OptionGroup] { get }
    var examples: [Example] { get }

    /// Whether this call multiplies matrices, so that it matters how well that goes on this processor.
    func multiplies(_ arguments: ParsedArguments) -> Bool

    /// Whether this call reads all weights of its models, so that hashing them too takes no other time.
    func readsWeights(_ arguments: ParsedArguments) -> Bool

    /// The call that has the output where its place tells it; nil where none has. `arguments` are those read so far.
    func callWithOutput(_ arguments: ParsedArguments) -> String?

    /// Does the work. Results go to `console.print` and `console.report`.
    ///
    /// Throws a `Failure` for whatever ends in an exit code from 2 to 5.
    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode
}

extension Command {
    var details: String { "" }
    var positionals: [Positional] { [] }
    var options: [Option] { [] }
    var sections: [OptionSection] { options.isEmpty ? [] : [OptionSection("Options", options)] }
    var groups: [OptionGroup] { [] }

    func multiplies(_ arguments: ParsedArguments) -> Bool { false }
    func readsWeights(_ arguments: ParsedArguments) -> Bool { multiplies(arguments) }

    func callWithOutput(_ arguments: ParsedArguments) -> String? {
        guard positionals.last?.name == Positional.output else { return nil }
        return "rtedit \(name) \(positionals.map(\.callText).joined(separator: " "))"
    }

    /// The command's own options, then those of every command.
    var allOptions: [Option] { options + Option.common }
}

/// An argument that is told by its place.
struct Positional: Sendable {
    /// The name of what a command writes, where that is told by its place.
    static let output = "OUT"

    /// The name in upper case, as help shows it.
    let name: String
    let help: String
    let allowed: [String]
    let isOptional: Bool
    /// Whether it takes all words that follow; only the last can.
    let isRepeatable: Bool

    init(
        _ name: String, _ help: String, allowed: [String] = [], isOptional: Bool = false,
        isRepeatable: Bool = false
    ) {
        self.name = name
        self.help = help
        self.allowed = allowed
        self.isOptional = isOptional
        self.isRepeatable = isRepeatable
    }

    /// As usage lines show it.
    var callText: String {
        (isOptional ? "[\(name)]" : name) + (isRepeatable ? "..." : "")
    }
}

/// A call worth copying, with what it does.
struct Example: Sendable {
    let purpose: String
    /// The whole line, from `rtedit` on; it is never wrapped.
    let call: String

    init(_ purpose: String, _ call: String) {
        self.purpose = purpose
        self.call = call
    }
}

/// Options that belong together, under a heading of a command's help.
struct OptionSection: Sendable {
    let title: String
    let options: [Option]

    init(_ title: String, _ options: [any DeclaredOption]) {
        self.title = title
        self.options = Option.declared(options)
    }
}

/// Options of which exactly one, or at least one, must be given.
struct OptionGroup: Sendable {
    enum Rule: Sendable { case exactlyOne, atLeastOne }

    let rule: Rule
    let options: [Option]

    init(_ rule: Rule, _ options: [any DeclaredOption]) {
        self.rule = rule
        self.options = Option.declared(options)
    }
}
