import Formats

/// `rtedit card`
struct CardCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let output = Option.value(
        "output", "FILE", short: "o",
        "Where the card goes, such as README.md; else standard output.")
    static let verify = Option.value(
        "verify", "FILE", "A certificate of 'verify', whose figures the card shows.")
    static let evaluation = Option.list(
        "eval", "FILE", "What 'eval --json' printed, whose figures the card shows.")
    static let base = Option.value(
        "base-model", "ID", "The base's name on the hub, such as Qwen/Qwen3-0.6B.")
    static let license = Option.value(
        "license", "ID", "The licence, such as apache-2.0; else what the model says.")
    static let title = Option.value("name", "TEXT", "The title; else what the model calls itself.")

    let name = "card"
    let summary = "Write a model card: what was done, figures, and how to run it."
    let details = """
        Markdown with the front matter that the hub reads. What was done comes from the note that rtedit's edits leave in the \
        model, figures from the files of --verify and --eval, licence, base and languages from the model's metadata \
        where they are known: nothing is guessed. A certificate or figures of \
        other files than MODEL's are refused by their hashes.
        """
    let positionals = [Self.model]
    let options = [
        Self.output, Self.verify, Self.evaluation, Self.base, Self.license, Self.title,
    ]
    let examples = [
        Example("A card beside the model:", "rtedit card model.gguf -o README.md"),
        Example(
            "With proof and figures:",
            "rtedit card m.gguf --verify c.json --eval e.json -o README.md"),
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let output = try arguments.outputPathIfGiven(Self.output)
        if let output {
            try AtomicFile.checkTarget(output, replacing: arguments.replacesOutputs)
        }
        let path = try arguments.text(Self.model)
        let session = try ModelSession(path, arguments, console)
        let certificate = try arguments.textIfGiven(Self.verify).map {
            try CardFigures.certificate($0, of: session.checkpoint)
        }
        let evaluations = try arguments.values(Self.evaluation).map {
            let figures = try CardFigures.evaluation($0)
            try EvaluatedModel.check($0, is: session.checkpoint, console)
            return figures
        }
        let card = try ModelCard(
            session.checkpoint, title: arguments.textIfGiven(Self.title),
            base: arguments.textIfGiven(Self.base), license: arguments.textIfGiven(Self.license),
            figures: (certificate.map { [$0] } ?? []) + evaluations)
        if card.license == nil {
            console.note(
                "no licence is known: \(Self.license.flagText) names it, which the hub asks for")
        }
        if card.baseModel == nil {
            console.note("no base on the hub is known: \(Self.base.flagText) names it")
        }
        if let output {
            let bytes = Array(card.text.utf8)
            let file = try AtomicFile(
                path: output, reserving: bytes.count, replacing: arguments.replacesOutputs)
            try file.write(bytes, at: 0)
            try file.commit()
            console.print("\(output): the card of \(card.title)")
        } else {
            console.write(card.text)
        }
        console.report(
            JSONObject([
                .init("model", .string(path)), .init("output", output.map { .string($0) } ?? .null),
                .init("title", .string(card.title)),
                .init("license", card.license.map { .string($0) } ?? .null),
                .init("base_model", card.baseModel.map { .string($0) } ?? .null),
                .init("text", .string(card.text)),
            ]))
        return .done
    }
}
