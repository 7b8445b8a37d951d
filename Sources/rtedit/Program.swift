import Formats

/// The program between its words and its exit code.
struct Program {
    let commands: [any Command]

    /// Does what the words after the program's name ask for; all errors become a line and an exit code here.
    func run(_ words: [String]) -> ExitCode {
        var console = Console()
        var topic = "rtedit help"
        do {
            let (command, rest) = try select(words)
            if let command { topic = "rtedit help \(command.name)" }
            let arguments = try ArgumentParser(command: command ?? HelpCommand { commands }).parse(
                rest)
            console = Console(arguments.consoleSettings)
            let code = try run(command, arguments, console)
            // What was read of a file that changed meanwhile is neither what it was nor what it is.
            if let change = MappedFiles.change { throw change }
            try console.finish()
            return code
        } catch {
            console.flush()
            return report(error, on: console, help: topic)
        }
    }

    private func run(
        _ command: (any Command)?, _ arguments: ParsedArguments, _ console: Console
    ) throws -> ExitCode {
        if arguments.has(.version) { return try VersionCommand().run(arguments, console) }
        if arguments.has(.help) {
            HelpCommand.show(command, of: commands, on: console)
            return .done
        }
        guard let command else { throw UsageError.noCommand }
        // Every command takes the option, not every one asks for it.
        _ = try arguments.threads
        if command.multiplies(arguments) { try KernelStart.choice.announce(on: console) }
        return try command.run(arguments, console)
    }

    /// The command, if any, and all words but the one that named it: options may stand before it as well.
    private func select(_ words: [String]) throws(UsageError) -> ((any Command)?, [String]) {
        var place = 0
        while place < words.count, ArgumentParser.isWrittenAsOption(words[place]) {
            place += words[place] == Option.threads.option.flagText ? 2 : 1
        }
        guard place < words.count else { return (nil, words) }
        let command = try commands.named(words[place])
        return (command, Array(words[..<place] + words[(place + 1)...]))
    }

    private func report(_ error: any Error, on console: Console, help topic: String) -> ExitCode {
        guard let failure = error as? any Failure else {
            console.error(String(describing: error))
            return .input
        }
        let hint = failure.kind == .usage ? " (see '\(topic)')" : ""
        console.error(failure.description + hint)
        return ExitCode(failure.kind)
    }
}
