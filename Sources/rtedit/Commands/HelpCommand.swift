import Formats

/// `rtedit help [COMMAND]`
struct HelpCommand: Command {
    private static let topic = Positional("COMMAND", "The command to explain.", isOptional: true)

    let name = "help"
    let summary = "Explain rtedit or one of its commands."
    let positionals = [topic]
    let examples = [Example("What baking does and takes:", "rtedit help bake")]
    /// The commands that can be explained, this one too.
    private let commands: @Sendable () -> [any Command]

    init(_ commands: @escaping @Sendable () -> [any Command]) { self.commands = commands }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let commands = commands()
        let command = try arguments.textIfGiven(Self.topic).map(commands.named)
        Self.show(command, of: commands, on: console)
        return .done
    }

    /// Shows the help of a command, or that of the program if there is none.
    static func show(_ command: (any Command)?, of commands: [any Command], on console: Console) {
        let text =
            if let command {
                HelpText.command(command, width: console.width)
            } else {
                HelpText.program(commands, width: console.width)
            }
        console.print(text)
        console.report(JSONObject([.init("help", .string(text))]))
    }
}
