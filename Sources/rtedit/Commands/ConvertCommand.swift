import Formats

/// `rtedit convert`
struct ConvertCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let output = Positional(
        "OUT", "A .gguf file, a .safetensors file, a folder, or a patch (.rtdelta).")
    private static let types = TypePolicy.names.joined(separator: ", ")
    static let type = Option.value(
        "type", "T", "The type of the weights: \(Self.types).", standard: "keep")

    let name = "convert"
    let summary = "Convert between GGUF and Hugging Face, and between types."
    let details = """
        Tokenizer, chat template and rope scaling are carried over; what the output's tokenizer does otherwise on some \
        texts is told, what it would do otherwise on ordinary ones is refused. Tensors whose type and layout stay are copied \
        byte for byte. With --type keep, quantised tensors are widened to f32 without loss where the output's \
        format cannot hold them. How much values are rounded is told; where one would become infinite nothing is \
        written without --force.
        """
    let positionals = [Self.model, Self.output]
    let options = Option.declared([
        Self.type, CheckpointOutput.shardSize, CheckpointOutput.dryRun,
    ])
    let examples = [
        Example("To a Hugging Face folder:", "rtedit convert model.gguf folder --type bf16"),
        Example("To GGUF:", "rtedit convert folder model.gguf --type f16"),
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let output = try CheckpointOutput(arguments, Self.output)
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let name = try arguments.text(Self.type)
        guard let policy = try TypePolicy(named: name) else {
            throw arguments.invalid(Self.type, name, "one of \(Self.types)")
        }
        let edits = policy == .keep ? [] : [CheckpointEdit.types(policy)]
        try output.write(session.checkpoint, edits: edits, crew: session.crew, arguments, console)
        return .done
    }
}
