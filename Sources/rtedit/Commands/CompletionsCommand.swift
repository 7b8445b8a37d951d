import Formats

/// `rtedit completions SHELL`
struct CompletionsCommand: Command {
    private static let shell = Positional(
        "SHELL", "The shell to write for.", allowed: CompletionScript.Shell.allCases.map(\.rawValue)
    )

    let name = "completions"
    let summary = "Print a script that completes rtedit's commands and options."
    let positionals = [shell]
    let examples = [
        Example("In ~/.bashrc:", "source <(rtedit completions bash)"),
        Example("For zsh:", "rtedit completions zsh > ~/.zfunc/_rtedit"),
        Example("For fish:", "rtedit completions fish > ~/.config/fish/completions/rtedit.fish"),
    ]
    /// The commands that the script completes, this one too.
    private let commands: @Sendable () -> [any Command]

    init(_ commands: @escaping @Sendable () -> [any Command]) { self.commands = commands }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        // The parser lets only the allowed names through.
        guard let shell = CompletionScript.Shell(rawValue: try arguments.text(Self.shell)) else {
            throw UsageError.missingArgument(Self.shell.name)
        }
        let script = CompletionScript(commands: commands()).text(for: shell)
        console.print(script)
        console.report(JSONObject([.init("script", .string(script))]))
        return .done
    }
}
