import Formats

/// `rtedit help [COMMAND]`, `rtedit help --man`
struct HelpCommand: Command {
    private static let topic = Positional("COMMAND", "The command to explain.", isOptional: true)
    private static let man = Option.flag("man", "Print the manual page of all commands, for man.")

    let name = "help"
    let summary = "Explain rtedit or one of its commands."
    let positionals = [topic]
    let options = [man]
    let examples = [
        Example("What baking does and takes:", "rtedit help bake"),
        Example("The manual page:", "rtedit help --man > rtedit.1"),
    ]
    /// The commands that can be explained, this one too.
    private let commands: @Sendable () -> [any Command]

    init(_ commands: @escaping @Sendable () -> [any Command]) { self.commands = commands }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let commands = commands()
        if arguments.has(Self.man) {
            let page = ManualPage(commands: commands).text
            console.print(page)
            console.report(JSONObject([.init("manual", .string(page))]))
            return .done
        }
        let command = try arguments.textIfGiven(Self.topic).map(commands.named)
        Self.show(command, of: commands, on: console)
        return .done
    }

    /// Shows the help of a command, or that of the program if there is none; as JSON, also what there is to give.
    static func show(_ command: (any Command)?, of commands: [any Command], on console: Console) {
        let text =
            if let command {
                HelpText.command(command, width: console.width)
            } else {
                HelpText.program(commands, width: console.width)
            }
        console.print(text)
        let shown = command.map { [$0] } ?? commands
        console.report(
            JSONObject([
                .init("help", .string(text)),
                .init("commands", .array(shown.map { .object(HelpJSON.object($0)) })),
            ]))
    }
}
