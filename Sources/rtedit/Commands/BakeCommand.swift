import Formats
import Transformer
import Tuning

/// `rtedit bake`
struct BakeCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let output = Positional(
        "OUT", "A .gguf file, a folder, or a patch (.rtdelta); may be MODEL itself with --force.")
    static let method = Option.value(
        "method", "NAME", "The route; auto takes the exact one there is.", standard: "auto",
        allowed: ["auto", "bias"])

    let name = "bake"
    let summary = "Make an added vector permanent in the weights, exactly."
    let details = """
        A vector added after a block's feed-forward part (site resid_post) is the bias of its last projection; one \
        added after attention (resid_mid) is the bias of attention's. The output gains those biases in f32, and \
        nothing else changes: every other tensor is copied byte for byte, quantised ones too. Where a runtime would \
        refuse or ignore the bias, or a value is beyond f16, bake refuses and says why.
        """
    let positionals = [Self.model, Self.output]
    let options = [
        SteeringOptions.vector, SteeringOptions.convention, Self.method, CheckpointOutput.shardSize,
        CheckpointOutput.dryRun,
    ]
    let groups = [OptionGroup(.atLeastOne, [SteeringOptions.vector])]
    let examples = [
        Example(
            "Into a quantised GGUF:",
            "rtedit bake m.gguf cheerful.gguf --vector mood.gguf:1.5@10-15"),
        Example(
            "Into a Hugging Face folder:",
            "rtedit bake m.gguf cheerful --vector mood.gguf:1.5@10-15"),
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let output = try CheckpointOutput(arguments, Self.output)
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let source = session.checkpoint
        if source.architecture == nil || source.quantization != nil {
            // What keeps every vector out is worth more to the user than a complaint about the files.
            let sites = [Site.residPost, .residMid]
            let obstacles = BiasRoute.obstacles(
                at: sites, in: source, format: output.format(from: source))
            if let first = obstacles[sites[0]], obstacles.count == sites.count { throw first }
        }
        let interventions = try SteeringOptions.interventions(
            arguments, on: session, console)
        let edits = try BiasRoute.edits(
            baking: interventions, into: source, format: output.format(from: source))
        try output.write(source, edits: edits, crew: session.crew, arguments, console)
        return .done
    }
}
