import Formats

/// `rtedit merge`
struct MergeCommand: Command {
    static let model = Positional("MODEL", "The base: a GGUF file or a Hugging Face folder.")
    static let adapter = Positional("ADAPTER", "A PEFT folder or a llama.cpp LoRA file (.gguf).")
    static let output = Positional(
        "OUT", "A .gguf file, a folder, or a patch (.rtdelta); may be MODEL itself with --force.")
    static let scale = Knob.number(
        "scale", "X", "Multiplies the adapter's own scale.", standard: 1, in: -1e6...1e6)
    static let type = Knob.storedType(
        "type", "T", "The type of the merged tensors; each keeps its own if not given.")

    let name = "merge"
    let summary = "Merge a low-rank adapter into the weights."
    let details = """
        Adds scale x B x A to every weight the adapter updates (LoRA). The sums are stored in each tensor's own type, \
        requantised row by row where it is quantised, or in the type given by --type; all other tensors are copied \
        byte for byte. The share of the update that the stored types keep is measured and told, with the --type that \
        would keep it where less than half is kept. Embeddings, heads and experts are merged in every layout that PEFT \
        and llama.cpp write; what an adapter may ask for beyond that (DoRA, trained biases, whole modules) is refused \
        by its key.
        """
    let positionals = [Self.model, Self.adapter, Self.output]
    let options = Option.declared([
        Self.scale, Self.type, CheckpointOutput.shardSize, CheckpointOutput.dryRun,
    ])
    let examples = [
        Example("Into a quantised GGUF:", "rtedit merge m.gguf adapter merged.gguf"),
        Example(
            "At half strength, the merged tensors in f16:",
            "rtedit merge m.gguf lora.gguf merged.gguf --scale 0.5 --type f16"),
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let output = try CheckpointOutput(arguments, Self.output)
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let strength = Float(try arguments.value(Self.scale))
        let type = try arguments.value(Self.type)
        let adapter = try Adapter.read(arguments.text(Self.adapter), for: session.checkpoint)
        for note in adapter.notes { console.note(note) }
        try output.write(
            session.checkpoint, edits: adapter.edits(strength: strength, type: type),
            crew: session.crew, arguments, console)
        return .done
    }
}
