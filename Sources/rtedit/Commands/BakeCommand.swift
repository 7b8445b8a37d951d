import Formats
import Transformer
import Tuning

/// `rtedit bake`
struct BakeCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let output = Positional(
        "OUT", "A .gguf file, a folder, or a patch (.rtdelta); may be MODEL itself with --force.")
    static let method = Option.value(
        "method", "NAME", "The route; auto takes the first that does not refuse.",
        standard: automatic, allowed: [automatic] + BakeRoutes.all.map(\.name))
    private static let automatic = "auto"

    let name = "bake"
    let summary = "Make steering permanent in the weights, exactly."
    let details = """
        A route says how. Every tensor that it does not name is copied byte for byte, quantised ones too. Where a \
        runtime would refuse or ignore the edit, or a value is beyond f16, bake refuses and says why; --dry-run shows \
        what each route costs or why it refuses.
        """ + BakeRoutes.all.map { "\n\nRoute \($0.name): \($0.summary)" }.joined()
    let positionals = [Self.model, Self.output]
    let options =
        SteeringOptions.all
        + Option.declared([Self.method, CheckpointOutput.shardSize, CheckpointOutput.dryRun])
    let groups = [OptionGroup(.atLeastOne, [SteeringOptions.vector, SteeringOptions.ablate])]
    let examples = [
        Example(
            "Into a quantised GGUF:",
            "rtedit bake m.gguf cheerful.gguf --vector mood.gguf:1.5@10-15"),
        Example(
            "Into a Hugging Face folder:",
            "rtedit bake m.gguf cheerful --vector mood.gguf:1.5@10-15"),
        Example(
            "Without a direction, that of block 12:",
            "rtedit bake m.gguf open.gguf --ablate refusal.gguf@12 --everywhere"),
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let output = try CheckpointOutput(arguments, Self.output)
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let source = session.checkpoint
        let format = output.format(from: source)
        if source.architecture == nil || source.quantization != nil {
            // What keeps every vector out is worth more to the user than a complaint about the files.
            let answers = BakeRoutes.answers(in: source, format: format)
            let obstacles = answers.compactMap { _, answer -> (any Error)? in
                if case .failure(let obstacle) = answer { obstacle } else { nil }
            }
            if let first = obstacles.first, obstacles.count == BakeRoutes.sites.count {
                throw first
            }
        }
        let interventions = try SteeringOptions.interventions(arguments, on: session, console)
        let name = try arguments.text(Self.method)
        let plan: BakePlan
        do {
            plan = try BakePlan(
                named: name == Self.automatic ? nil : name, for: interventions, in: source,
                format: format)
        } catch {
            if arguments.has(CheckpointOutput.dryRun) {
                BakeRouteView(refused: interventions, in: source, format: format).show(on: console)
            }
            throw error
        }
        let edits = try plan.edits(into: source, format: format)
        var report = try output.save(source, edits: edits, crew: session.crew, arguments, console)
        if arguments.has(CheckpointOutput.dryRun) {
            let view = BakeRouteView(plan, in: source, format: format)
            view.show(on: console)
            report["routes"] = .array(view.json)
        }
        console.report(report)
        return .done
    }
}
