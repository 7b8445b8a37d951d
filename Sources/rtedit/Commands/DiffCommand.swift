import Formats

/// `rtedit diff`
struct DiffCommand: Command {
    static let first = Positional("A", "The first model: a GGUF file, safetensors or a folder.")
    static let second = Positional("B", "The second model, of any format and type.")
    static let tensors = Option.flag("tensors", "List every tensor, largest change first.")

    let name = "diff"
    let summary = "Show what changed between two checkpoints, whatever their formats and types."
    let details = """
        Tensors are matched by what they are for (by name where the architecture is unknown) and compared as the \
        values the model computes with: the row order, shifted norms, transposes and expert stacks of the formats are \
        undone, quantised types widened. Numbers, tokenizer and chat template are compared whatever the files call \
        them. Exit code 0 where the two are the same model, 1 where they differ; descriptions of the file (names, \
        dates, sampling settings) are listed, but make no difference.
        """
    let positionals = [Self.first, Self.second]
    let options = [Self.tensors]
    let examples = [
        Example("A quantised file and its source:", "rtedit diff model-f16.gguf model-q4_k.gguf"),
        Example("Everything, for a script:", "rtedit diff base/ tuned/ --json"),
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let first = try ModelSession(arguments.text(Self.first), arguments, console)
        let second = try ModelSession(
            arguments.text(Self.second), arguments, console, crew: first.crew)
        let (a, b) = (first.checkpoint, second.checkpoint)
        let total = a.tensors.reduce(0) { $0 + ($1.description.elementCount ?? 0) }
        let progress = console.progress("comparing", total: total, unit: .things("values"))
        let comparison = try CheckpointComparison(a, b, crew: first.crew) {
            progress.advance(by: $0)
        }
        progress.finish()
        DifferenceView(comparison: comparison).show(
            on: console, allTensors: arguments.has(Self.tensors))
        console.report(DifferenceJSON(comparison: comparison).object)
        return comparison.isSame ? .done : .checkFailed
    }
}
