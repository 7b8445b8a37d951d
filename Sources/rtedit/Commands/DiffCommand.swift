import Formats
import Transformer
import Tuning

/// `rtedit diff`
struct DiffCommand: Command {
    static let first = Positional("A", "The first model: a GGUF file, safetensors or a folder.")
    static let second = Positional("B", "The second model, of any format and type.")
    static let tensors = Option.flag("tensors", "List every tensor, largest change first.")
    static let explain = Option.flag(
        "explain", "Say what kind of edit leads from A to B, with the evidence.")
    static let vector = Option.value(
        "recover-vector", "FILE", "Write the vector that B's biases add or its weights lost.")
    static let adapter = Option.value(
        "extract-adapter", "OUT",
        "Write the change as a LoRA for A: a PEFT folder, or a .gguf file.")
    static let rank = Knob.integer(
        "rank", "K", "The rank of the extracted adapter.", standard: 16, in: 1...4096)

    let name = "diff"
    let summary = "Show what changed between two checkpoints, in any format or type."
    let details = """
        Tensors are matched by what they are for (by name where the architecture is unknown) and compared as the \
        values the model computes with: the row order, shifted norms, transposes and expert stacks of the formats are \
        undone, quantised types widened. Numbers, tokenizer and chat template are compared whatever the files call \
        them. Exit code 0 where the two are the same model, 1 where they differ; descriptions of the file (names, \
        dates, sampling settings) are listed, but make no difference.

        --explain also says whether a quantised GGUF file is exactly what quantising the other model gives, byte for byte: \
        in which mix of types, and with --imatrix with which importance matrix; tensors that are not are named.
        """
    let positionals = [Self.first, Self.second]
    let options = Option.declared([
        Self.tensors, Self.explain, TypeOptions.importance, ReportOption.report, Self.vector,
        Self.adapter,
        Self.rank,
    ])
    let examples = [
        Example("A quantised file and its source:", "rtedit diff model-f16.gguf model-q4_k.gguf"),
        Example("What was done, as a page:", "rtedit diff base/ tuned/ --report diff.html"),
        Example(
            "The vector in a baked file:", "rtedit diff m.gguf baked.gguf --recover-vector v.gguf"),
    ]

    /// Explanations decompose matrices.
    func multiplies(_ arguments: ParsedArguments) -> Bool {
        arguments.has(Self.explain)
            || [ReportOption.report, Self.vector, Self.adapter].contains {
                arguments.textIfGiven($0) != nil
            }
    }

    func readsWeights(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let rank = try arguments.value(Self.rank)
        if arguments.isGiven(TypeOptions.importance),
            !arguments.has(Self.explain), !arguments.isGiven(ReportOption.report)
        {
            throw UsageError.needs(
                option: TypeOptions.importance.flagText, other: Self.explain.flagText)
        }
        let outputs = try [ReportOption.report, Self.vector].compactMap {
            try arguments.outputPathIfGiven($0)
        }
        if let path = arguments.textIfGiven(Self.vector) {
            try VectorCall.checkName(path, place: Self.vector.flagText)
        }
        for path in outputs {
            try AtomicFile.checkTarget(path, replacing: arguments.replacesOutputs)
        }
        if let path = try arguments.outputPathIfGiven(Self.adapter) {
            try CheckpointOutput(path: path).checkTarget(replacing: arguments.replacesOutputs)
        }
        let first = try ModelSession(arguments.text(Self.first), arguments, console)
        let second = try ModelSession(
            arguments.text(Self.second), arguments, console, crew: first.crew)
        let comparison = try compare(first, second, console)
        DifferenceView(comparison: comparison).show(
            on: console, allTensors: arguments.has(Self.tensors))
        var json = DifferenceJSON(comparison: comparison).object
        if arguments.has(Self.explain) || !outputs.isEmpty {
            let explanation = try explain(comparison, crew: first.crew, console)
            let words = DifferenceExplanation(explanation)
            words.show(on: console)
            json["explanation"] = .object(words.json)
            json["quantization"] = try QuantizationCall.compare(
                first, second, arguments, console)
            let vectors = try write(comparison, explanation, arguments, console)
            if arguments.isGiven(Self.vector) { json["vectors"] = .array(vectors) }
        }
        if let path = arguments.textIfGiven(Self.adapter) {
            json["adapter"] = try extractAdapter(
                comparison, to: path, rank: rank, first.crew, arguments, console)
        }
        console.report(json)
        return comparison.isSame ? .done : .checkFailed
    }

    private func compare(
        _ first: ModelSession, _ second: ModelSession, _ console: Console
    ) throws -> CheckpointComparison {
        let total = try CheckpointComparison.valueCount(first.checkpoint, second.checkpoint)
        let progress = console.progress("comparing", total: total, unit: .things("values"))
        defer { progress.finish() }
        return try CheckpointComparison(
            first.checkpoint, second.checkpoint, crew: first.crew
        ) { progress.advance(by: $0) }
    }

    private func explain(
        _ comparison: CheckpointComparison, crew: WorkCrew, _ console: Console
    ) throws -> Explanation {
        let progress = console.progress(
            "explaining", total: Explanation.measuredCount(comparison), unit: .things("tensors"))
        defer { progress.finish() }
        return try Explanation(comparison, crew: crew) { progress.advance() }
    }

    /// Writes the vector and the page that were asked for.
    ///
    /// - Returns: the vectors, for `--json`.
    private func write(
        _ comparison: CheckpointComparison, _ explanation: Explanation,
        _ arguments: ParsedArguments, _ console: Console
    ) throws -> [JSONValue] {
        var vectors: [JSONValue] = []
        let outputs = DiffOutputs(
            comparison: comparison, replacing: arguments.replacesOutputs)
        if let path = arguments.textIfGiven(Self.vector) {
            for (path, vector) in try outputs.writeVectors(explanation.vectors, to: path) {
                console.print(
                    "\(path): a vector at \(vector.site.rawValue) of blocks "
                        + BlockSet.text(vector.blocks))
                vectors.append(
                    .object(
                        JSONObject([
                            .init("output", .string(path)),
                            .init("site", .string(vector.site.rawValue)),
                            .init("width", .integer(vector.width)),
                            .init("blocks", .array(vector.blocks.map { .integer($0) })),
                        ])))
            }
        }
        if let path = arguments.textIfGiven(ReportOption.report) {
            let source = try PageSource(
                arguments, models: [("A", comparison.a), ("B", comparison.b)],
                files: [TypeOptions.importance])
            let page = DifferencePage(
                comparison: comparison, explanation: explanation, source: source)
            try ReportOption.write(page.html, to: path, arguments, console)
        }
        return vectors
    }

    /// - Returns: what was written, for `--json`.
    private func extractAdapter(
        _ comparison: CheckpointComparison, to path: String, rank: Int, _ crew: WorkCrew,
        _ arguments: ParsedArguments, _ console: Console
    ) throws -> JSONValue {
        let progress = console.progress(
            "extracting", total: Explanation.measuredCount(comparison), unit: .things("tensors"))
        let outputs = DiffOutputs(
            comparison: comparison, replacing: arguments.replacesOutputs)
        let extraction = try outputs.writeAdapter(to: path, rank: rank, crew: crew) {
            progress.advance()
        }
        progress.finish()
        let errors = extraction.remainders.map(\.error)
        console.print(
            "\(path): an adapter of rank \(rank) for \(errors.count) matrices; it misses "
                + "\(Quantity.percent(Quantile.middle(of: errors) ?? 0)) of the median change, "
                + "\(Quantity.percent(errors.max() ?? 0)) at most")
        if !extraction.leftOut.isEmpty {
            console.warning(
                "\(extraction.leftOut.count) changed tensors are not in the adapter, which cannot update "
                    + "them: \(extraction.leftOut.prefix(6).joined(separator: ", "))"
                    + (extraction.leftOut.count > 6 ? ", …" : ""))
        }
        let matrices = extraction.remainders.map { remainder in
            JSONValue.object(
                JSONObject([
                    .init("name", .string(remainder.name)),
                    .init("error", .number(remainder.error)),
                ]))
        }
        return .object(
            JSONObject([
                .init("output", .string(path)), .init("rank", .integer(rank)),
                .init("matrices", .array(matrices)),
                .init("left_out", .array(extraction.leftOut.map { .string($0) })),
            ]))
    }
}
