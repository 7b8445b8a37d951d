import Formats
import Tuning

/// `rtedit pairs`
struct PairsCommand: Command {
    enum Action: String, CaseIterable {
        case check
    }

    static let action = Positional(
        "ACTION", "What to do.", allowed: Action.allCases.map(\.rawValue))
    static let file = Positional(
        "FILE", "Contrast pairs, as extract reads them; - for standard input.")
    static let model = Positional(
        "MODEL", "Count lengths in this model's tokens, and compare those.", isOptional: true)
    static let chat = Option.flag("chat", "A plain string is a user's turn, not raw text.")

    let name = "pairs"
    let summary = "Check contrast pairs before a direction is found from them."
    let details = """
        pairs check FILE [MODEL] finds what would spoil a direction: lines that are no pairs, too few of them, pairs that are \
        there twice or the other way round, sides that are the same (with a model: that become the same tokens), or differ \
        in length throughout, in their turns or in what is asked. Remarks tell what may be as it is to be. The exit code is 1 \
        where there is a fault. docs/own-trait.md leads from an idea to pairs and a baked file.
        """
    let positionals = [Self.action, Self.file, Self.model]
    let options = [Self.chat]
    let examples = [
        Example("Before extracting:", "rtedit pairs check mood.jsonl model.gguf"),
        Example("For a script:", "rtedit pairs check mood.jsonl --json"),
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let path = try arguments.text(Self.file)
        let asChat = arguments.has(Self.chat)
        let model = try arguments.textIfGiven(Self.model).map {
            try ModelSession($0, arguments, console)
        }
        let check = try PairCheck(
            path, renderer: model?.renderer(), asChat: asChat,
            context: model?.checkpoint.hyperparameters().contextLength)
        let view = PairCheckView(check, file: path, model: model?.checkpoint.path)
        view.show(on: console)
        console.report(view.json)
        return check.faults.isEmpty ? .done : .checkFailed
    }
}
