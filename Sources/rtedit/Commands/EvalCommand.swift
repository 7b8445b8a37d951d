import Formats
import Transformer
import Tuning

/// `rtedit eval`
struct EvalCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let probe = Option.value(
        "probe", "FILE",
        "Forced choices: {\"prompt\": X, \"choices\": [A, B], \"correct\": 0} a line.",
        isRequired: true)
    static let chat = Option.flag("chat", "Take plain strings as a user's turn.")

    let name = "eval"
    let summary = "Measure how strongly a model prefers the right choices of probes."
    let details = """
        The margin is the log probability of the correct completion less that of the likeliest other one, in nats. \
        X is a string, or {"system":…,"user":…,"assistant":…} rendered with the model's chat template.
        """
    let positionals = [Self.model]
    let options = [Self.probe, Self.chat] + SteeringOptions.all
    let examples = [
        Example(
            "A probe, steered:",
            "rtedit eval m.gguf --probe probe.jsonl --vector mood.gguf:-1@10-15")
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let interventions = try SteeringOptions.interventions(
            arguments, for: session.checkpoint.hyperparameters())
        let probes = try Probe.read(arguments.text(Self.probe))
        let progress = console.progress("probing", total: probes.count, unit: .things("probes"))
        let result = try ProbeResult(
            probes, decoder: session.decoder(), renderer: session.renderer(),
            asChat: arguments.has(Self.chat), interventions: interventions
        ) { done, _ in progress.reach(done) }
        progress.finish()
        let categories = Dictionary(grouping: result.items) { $0.category ?? "" }
        var table = Table([
            .left("category"), .right("probes"), .right("margin"), .right("accuracy"),
        ])
        if categories.count > 1 {
            for (category, items) in categories.sorted(by: { $0.key < $1.key }) {
                add(ProbeResult(items: items), named: category.isEmpty ? "-" : category, to: &table)
            }
        }
        add(result, named: "all", to: &table)
        console.print(table)
        console.report(
            JSONObject([
                .init("probes", .integer(result.items.count)),
                .init("margin", .number(result.meanMargin)),
                .init("accuracy", .number(result.accuracy)),
            ]))
        return .done
    }

    private func add(_ result: ProbeResult, named name: String, to table: inout Table) {
        table.add(
            name, "\(result.items.count)", Quantity.fixed(result.meanMargin, 3),
            Quantity.percent(result.accuracy))
    }
}
