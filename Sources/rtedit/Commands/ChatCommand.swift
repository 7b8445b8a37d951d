import Formats
import Glibc
import Tuning

/// `rtedit chat`
struct ChatCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")

    let name = "chat"
    let summary = "Talk to a model, and change what steers it while you do."
    let details = """
        Lines are messages; those that begin with a slash are commands, which /help lists: /vector, /strength and \
        /blocks change the steering from the next answer on, /again answers the last message anew under it, /undo and \
        /clear forget. The model sees its own earlier answers, steered or not. Ctrl-C ends an answer, the end of input \
        the conversation.

        From a pipe the lines are read likewise, without a prompt, and a line that cannot be done ends the call. With \
        --json every answer is a line with one object.
        """
    let positionals = [Self.model]
    let options = ChatSession.options
    let examples = [
        Example("Talk:", "rtedit chat model.gguf"),
        Example(
            "Plain and steered answers beside each other:",
            "rtedit chat m.gguf --vector mood.gguf:1.5@10-15 --beside"),
        Example(
            "From a script:",
            "printf 'Hi!\\n/strength -2\\n/again\\n' | rtedit chat m.gguf --vector v.gguf"),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        var chat = try ChatSession(arguments, model: arguments.text(Self.model), console)
        let isTerminal = isatty(STDIN_FILENO) == 1
        if isTerminal { console.note("/help lists what can be changed; Ctrl-D ends") }
        while let line = nextLine(isTerminal, console) {
            do {
                guard try chat.take(line) else { break }
            } catch let failure as any Failure where isTerminal {
                console.error(failure.description)
            }
        }
        return .done
    }

    private func nextLine(_ isTerminal: Bool, _ console: Console) -> String? {
        if isTerminal { console.write("> ") }
        let line = readLine()
        if line == nil, isTerminal { console.write("\n") }
        return line
    }
}
