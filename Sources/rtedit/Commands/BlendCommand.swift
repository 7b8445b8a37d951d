import Formats

/// `rtedit blend`
struct BlendCommand: Command {
    static let models = Positional(
        "MODEL", "The models, of one architecture and size: GGUF files or Hugging Face folders.",
        isRepeatable: true)
    static let output = Option.value(
        "output", "OUT", short: "o",
        "A .gguf file, a folder, or a patch (.rtdelta) from the base or the first model.",
        isRequired: true)

    let name = "blend"
    let summary = "Make one model of several."
    let details = """
        Blends the weights of models that were made from one another or from one base, by the methods of mergekit, with \
        its numbers and its results. The output is the base, or else the first model, with blended weights: its format, \
        tokenizer, chat template and settings, and each tensor in its type unless --type says otherwise. Quantised weights \
        are blended as values and quantised again; what that loses is measured and told. Files may be of both formats. \
        Nothing is held but the rows that are being blended.

        Models of other architectures, of other sizes or numbers that change what is computed, and tensors that only one \
        has are refused by name; so are tokenizers with other tokens, merges or scores, unless --first-tokenizer.
        """
    let positionals = [Self.models]
    let sections = [
        OptionSection("Options", [Self.output] + BlendOptions.all),
        OptionSection(
            "Output",
            TypeOptions.all
                + Option.declared([CheckpointOutput.shardSize, CheckpointOutput.dryRun])
                + NoteOptions.all),
    ]
    var options: [Option] { sections.flatMap(\.options) }
    let examples = [
        Example(
            "Two models in the middle:",
            "rtedit blend a.gguf b.gguf -o ab.gguf --method slerp --t 0.5"),
        Example(
            "What two tuned models learnt, on their base:",
            "rtedit blend math code --base base -o both --method ties --densities 0.5"),
        Example(
            "The mean of three, quantised:",
            "rtedit blend a b c -o mean.gguf --method linear --type q4_k_m"),
    ]

    func readsWeights(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let recipe = try BlendOptions.recipe(arguments)
        let policy = try TypeOptions.policy(arguments)
        let output = try CheckpointOutput(
            arguments, Self.output, inputs: arguments.values(BlendOptions.base))
        let crew = try WorkCrew(threads: arguments.threads)
        func open(_ path: String) throws -> Checkpoint {
            try ModelSession(path, arguments, console, crew: crew).checkpoint
        }
        let base = try arguments.textIfGiven(BlendOptions.base).map(open)
        let models = try arguments.texts(Self.models).map(open)
        let blend = try Blend(
            models, base: base, recipe,
            takesOtherTokenizers: arguments.has(BlendOptions.otherTokenizers))
        for note in blend.notes { console.note(note) }
        let format = output.format(from: blend.source)
        let types = policy == .keep ? [] : [CheckpointEdit.types(policy)]
        let others = try types + notes(blend, models, format, arguments, console)
        let plan = try OutputPlan(
            source: blend.source, edits: blend.plannedEdits + others, format: format)
        if let refusal = plan.refusal { throw refusal }
        let edits = try edits(blend, crew, arguments, console) + others
        let saved = try output.save(blend.source, edits: edits, crew: crew, arguments, console)
        let view = BlendView(blend, models: models, base: base)
        view.show(on: console)
        var report = view.json
        for member in saved.report.members where member.key != "edits" {
            report[member.key] = member.value
        }
        console.report(report)
        return .done
    }

    /// What the output is to say of itself: the call, and every model by its hash.
    private func notes(
        _ blend: Blend, _ models: [Checkpoint], _ format: FileFormat, _ arguments: ParsedArguments,
        _ console: Console
    ) throws -> [CheckpointEdit] {
        try NoteOptions.edits(
            arguments, self, base: blend.source, format: format,
            method: blend.recipe.method.rawValue,
            inputs: models.filter { $0.path != blend.source.path }.map {
                (path: $0.path, sha256: try $0.weightsHash(on: console))
            }, console)
    }

    private func edits(
        _ blend: Blend, _ crew: WorkCrew, _ arguments: ParsedArguments, _ console: Console
    ) throws -> [CheckpointEdit] {
        guard !arguments.has(CheckpointOutput.dryRun) else { return blend.plannedEdits }
        let progress = console.progress(
            "reading", total: blend.weightCount, unit: .things("weights"))
        defer { progress.finish() }
        return try blend.edits(crew: crew) { progress.advance() }
    }
}
