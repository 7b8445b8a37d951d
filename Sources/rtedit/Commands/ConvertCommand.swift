import Formats

/// `rtedit convert`
struct ConvertCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let output = Positional(
        Positional.output, "A .gguf file, a .safetensors file, a folder, or a patch (.rtdelta).")
    private static let maxSize = Knob<Int?>.byteCount(
        "max-size", "SIZE",
        "Choose the mix of types that loses least among those of files up to this size, such as 4.5GB."
    )

    let name = "convert"
    let summary = "Convert between GGUF and Hugging Face, and quantise."
    let details = """
        Tokenizer, chat template and rope scaling are carried over; what the output's tokenizer does otherwise on some \
        texts is told, what it would do otherwise on ordinary ones is refused. Tensors whose type and layout stay are copied \
        byte for byte. With --type keep, quantised tensors are widened to f32 without loss where the output's \
        format cannot hold them. How much values are rounded is told; where one would become infinite nothing is \
        written without --force.

        Quantised types and their mixes are those of llama-quantize, under its names and with its bytes: \
        \(QuantizationMix.all.map(\.name).joined(separator: ", ")). A pattern of --tensor-type is a regular \
        expression that is looked for anywhere in the names of matrices; the first pattern that is found counts.
        """
    let positionals = [Self.model, Self.output]
    let options =
        Option.declared([
            CheckpointOutput.shardSize, CheckpointOutput.dryRun, maxSize,
        ]) + TypeOptions.all
    let examples = [
        Example("To a Hugging Face folder:", "rtedit convert model.gguf folder --type bf16"),
        Example("To GGUF:", "rtedit convert folder model.gguf --type f16"),
        Example(
            "Quantised, straight from a folder:",
            "rtedit convert folder small.gguf --type q4_k_m --imatrix imatrix.gguf"),
    ]

    func readsWeights(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let output = try CheckpointOutput(arguments, Self.output)
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let limit = try arguments.value(Self.maxSize)
        var policy = try TypeOptions.policy(arguments, isChosenLater: limit != nil)
        let choice = try limit.map {
            try mixes(session, policy, limit: $0, output, arguments, console)
        }
        if let choice { policy.standard = .mix(choice.best.mix) }
        let edits = policy == .keep ? [] : [CheckpointEdit.types(policy)]
        var report = try output.save(
            session.checkpoint, edits: edits, crew: session.crew, arguments, console
        ).report
        if let choice {
            report["mix"] = .string(choice.best.mix.name)
            report["mixes"] = .array(choice.candidates.map(Self.json))
        }
        console.report(report)
        return .done
    }

    private static func json(_ candidate: MixChoice.Candidate) -> JSONValue {
        .object(
            JSONObject([
                .init("mix", .string(candidate.mix.name)),
                .init("bytes", .integer(candidate.byteCount)),
                .init("error", candidate.error.map { .number($0) } ?? .null),
            ]))
    }

    /// The mixes for a size, of which the best is taken.
    private func mixes(
        _ session: ModelSession, _ policy: TypePolicy, limit: Int, _ output: CheckpointOutput,
        _ arguments: ParsedArguments, _ console: Console
    ) throws -> MixChoice {
        if arguments.isGiven(TypeOptions.type) {
            throw UsageError.conflict([TypeOptions.type.flagText, Self.maxSize.option.flagText])
        }
        guard output.format(from: session.checkpoint) == .gguf, !output.isPatch else {
            throw arguments.invalid(
                Self.maxSize.option, try arguments.text(Self.maxSize.option),
                "for \(output.path): mixes of types are for .gguf files")
        }
        let choice = try MixChoice(
            session.checkpoint, policy, edits: [], path: output.path, limit: limit,
            crew: session.crew)
        var table = Table([.left("mix"), .right("size"), .right("error")])
        for candidate in choice.candidates {
            table.add(
                candidate.mix.name, Quantity.bytes(candidate.byteCount),
                candidate.error.map(Quantity.percent) ?? "too large")
        }
        console.print(table)
        console.note("\(choice.best.mix.name) loses least within \(Quantity.bytes(limit))")
        return choice
    }
}
