import Formats

/// `rtedit merge`
struct MergeCommand: Command {
    static let model = Positional("MODEL", "The base: a GGUF file or a Hugging Face folder.")
    static let adapter = Positional("ADAPTER", "A PEFT folder or a llama.cpp LoRA file (.gguf).")
    static let output = Positional(
        Positional.output,
        "A .gguf file, a folder, or a patch (.rtdelta); may be MODEL itself with --force.")
    static let scale = Knob.number(
        "scale", "X", "How far to go from the base to the adapted model.", standard: 1,
        in: -1e6...1e6)
    static let type = Knob.storedType(
        "type", "T", "The type of the merged tensors; each keeps its own if not given.")

    let name = "merge"
    let summary = "Merge an adapter into the weights."
    let details = """
        Writes the weights that the adapted model computes with: of a LoRA W + scale x B x A, in every layout that PEFT \
        and llama.cpp write, and of PEFT's folders DoRA, trained biases, whole modules and single tokens too, as well as \
        LoKr, LoHa, IA3, VeRA, OFT and the other methods that docs/files.md lists. They are stored in each tensor's own \
        type, requantised row by row where it is quantised, or in the type given by --type; all other tensors are copied \
        byte for byte. The share of the change that the stored types keep is measured and told, with the --type that \
        would keep it where less than half is kept. What an adapter asks for beyond that is refused by its key.
        """
    let positionals = [Self.model, Self.adapter, Self.output]
    let options =
        Option.declared([
            Self.scale, Self.type, CheckpointOutput.shardSize, CheckpointOutput.dryRun,
        ]) + NoteOptions.all
    let examples = [
        Example("Into a quantised GGUF:", "rtedit merge m.gguf adapter merged.gguf"),
        Example(
            "At half strength, the merged tensors in f16:",
            "rtedit merge m.gguf lora.gguf merged.gguf --scale 0.5 --type f16"),
    ]

    func readsWeights(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let output = try CheckpointOutput(arguments, Self.output)
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let strength = Float(try arguments.value(Self.scale))
        let type = try arguments.value(Self.type)
        let adapter = try Adapter.read(arguments.text(Self.adapter), for: session.checkpoint)
        for note in adapter.notes { console.note(note) }
        let file = try Adapter.weightsFile(arguments.text(Self.adapter))
        let edits =
            try adapter.edits(strength: strength, type: type)
            + NoteOptions.edits(
                arguments, self, base: session.checkpoint,
                format: output.format(from: session.checkpoint),
                inputs: [(arguments.text(Self.adapter), MappedFile(path: file).sha256())],
                console)
        try output.write(
            session.checkpoint, edits: edits,
            crew: session.crew, arguments, console)
        return .done
    }
}
