import Formats

/// The program between its words and its exit code.
struct Program {
    let commands: [any Command]

    /// Does what the words after the program's name ask for; all errors become a line and an exit code here.
    func run(_ words: [String]) -> ExitCode {
        // A call that cannot be read has its error as an object too.
        var console = Console(Console.Settings(isJSON: words.contains(Option.json.flagText)))
        var topic = "rtedit help"
        do {
            let (command, rest) = try select(words)
            if let command { topic = "rtedit help \(command.name)" }
            let selected = command ?? HelpCommand { commands }
            let arguments = try ArgumentParser(command: selected).parse(rest)
            let record = CallRecord(selected, arguments)
            console = Console(arguments.consoleSettings) { record.member(on: $0) }
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
        let failure = error as? any Failure
        let kind = failure?.kind ?? .input
        let hint = kind == .usage ? " (see '\(topic)')" : ""
        let report = ErrorReport(
            kind: kind, message: (failure?.message ?? String(describing: error)) + hint,
            file: ErrorReport.file(of: error))
        console.error(report.message)
        console.report(report.json, isRecorded: false)
        console.flush()
        return ExitCode(kind)
    }
}
