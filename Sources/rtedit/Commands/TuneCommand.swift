import Formats
import Transformer
import Tuning

/// `rtedit tune`
struct TuneCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let output = Positional(
        Positional.output,
        "A .gguf file, a folder, or a patch (.rtdelta); may be MODEL itself with --force.")

    let name = "tune"
    let summary = "Tune the weights toward a vector, or away from it."
    let details = """
        Representation tuning (arXiv 2409.06927): a loss on the residual stream pulls it toward a direction while a \
        token loss keeps the answers in shape. The paper's own learning rates are 1e-6, and 1e-5 for what the vector \
        reaches; its epsilon is 1e-4, and its notebook ends a run early by a rule of its own; the other defaults are as it \
        has them. The objective contrast is LoRRA (arXiv 2310.01405), shift its form with a vector.

        The run's folder always has a whole state: after an interruption, or kill -9, the same call with --resume \
        DIR goes on to the identical result on a like processor. OUT appears only when the run has ended well; where it diverged, only if \
        validation found a state better than the untuned model, else the exit code is 1.
        """
    let positionals = [Self.model, Self.output]
    let options = TuneOptions.sections.flatMap(\.options)
    let sections = TuneOptions.sections
    let examples = [
        Example(
            "Cheerful answers, and a cheerful stream at blocks 10 to 15:",
            "rtedit tune m.gguf out.gguf --vector mood.gguf@10-15 --data mood.jsonl"),
        Example(
            "A small adapter instead:",
            "rtedit tune m.gguf l.gguf --vector v.gguf --data d.jsonl --lora 8 --adapter"
        ),
        Example(
            "Without a vector, toward what two other prompts a line differ in:",
            "rtedit tune m.gguf o.gguf --objective contrast --data d.jsonl --blocks 8-14"),
        Example(
            "Go on after an interruption:",
            "rtedit tune m.gguf o.gguf --vector v.gguf --data d.jsonl --resume o.gguf.run"),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let request = try TuneRequest(arguments)
        let output = try CheckpointOutput(arguments, Self.output)
        let report = try ReportOption.path(arguments)
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let base = session.checkpoint
        let numbers = try base.hyperparameters()
        let vectors = try SteeringOptions.interventions(
            arguments, on: session, console, tellsStrength: false)
        let selection = try request.selection(
            of: base, vectors: vectors, blockCount: numbers.blockCount)
        let terms = request.objectives.terms(vectors, tuned: selection)
        let renderer = try session.renderer()
        var data = try data(request, arguments, session, renderer)
        try data.check(terms)
        data.steering = try steering(
            arguments, on: session, numbers, seed: request.options.seed, console)
        if arguments.has(TuneOptions.dryRun) {
            TuningPlanView(
                plan: TuningPlan(
                    request.weights, of: selection, form: request.form, terms: terms,
                    isValidated: !data.validation.isEmpty, base: base),
                data: data, steps: request.options.steps(examples: data.training.count),
                learningRates: (request.representationLearningRate, request.learningRate)
            ).show(on: console)
            return .done
        }
        let notes = try notes(request, terms.names, arguments, base, output, console)
        let model = try TuningModel(
            base: base, selection: selection, form: request.form, seed: request.options.seed,
            crew: session.crew)
        let run = try self.run(
            request, arguments, session, model, terms, data, day: renderer.writtenDay)
        if let mixture = KernelMixture(run.kernels) {
            console.note("\(run.folder): \(mixture.description)")
        }
        let keepsFolder = try keepsFolder(run, arguments)
        TuningView.tellFolder(run, keepsFolder: keepsFolder, on: console)
        let summary = try carryOut(run, terms, console)
        let view = TuningView(summary, names: terms.names, folder: run.folder)
        guard !summary.isInterrupted else {
            view.showInterruption(on: console)
            return .interrupted
        }
        view.showNotes(on: console)
        guard summary.isUsable else {
            console.report(view.json(output: nil, keepsRun: true))
            return .checkFailed
        }
        view.showTable(on: console)
        // OUT may be MODEL itself.
        let source = try report.map { _ in
            try PageSource(
                arguments, models: [("model", base)],
                files: [TuneOptions.data, TuneOptions.validation, TuneOptions.text],
                vectors: [TuneOptions.vector, TuneOptions.steer])
        }
        let written = try write(
            model, as: request.outputType, to: output, notes, crew: session.crew, arguments, console
        )
        if let report, let source {
            let page = TuningPage(
                view: view, history: try TuningHistory(folder: run.folder), names: terms.names,
                model: base.path, output: output.path, source: source)
            try ReportOption.write(page.html, to: report, arguments, console)
        }
        let isRemoved = !keepsFolder && RunFolder(path: run.folder).remove()
        view.tellEnd(isRemoved: isRemoved, keepsFolder: keepsFolder, on: console)
        console.report(view.json(output: written, keepsRun: !isRemoved))
        return .done
    }

    /// Whether the run's folder stays: where it is asked for, or has a name that the call gives it.
    private func keepsFolder(_ run: TuningRun, _ arguments: ParsedArguments) throws -> Bool {
        try arguments.has(TuneOptions.keepRun) || arguments.isGiven(TuneOptions.run)
            || run.folder != Self.runFolder(for: arguments.text(Self.output))
    }

    // MARK: - Before

    private func data(
        _ request: TuneRequest, _ arguments: ParsedArguments, _ session: ModelSession,
        _ renderer: PromptRenderer
    ) throws -> TuningData {
        let limit = try DecoderConfiguration(session.checkpoint).positionLimit
        let reader = TuningDataReader(
            renderer: renderer, options: request.dataOptions, positionLimit: limit)
        let examples = try reader.examples(arguments.text(TuneOptions.data))
        let texts = try arguments.textIfGiven(TuneOptions.text).map {
            try reader.windows($0, length: request.textWindow)
        }
        if let file = arguments.textIfGiven(TuneOptions.validation) {
            return TuningData(
                training: examples, validation: try reader.examples(file), texts: texts ?? [])
        }
        return TuningData(
            examples, validationShare: request.validationShare, texts: texts ?? [],
            seed: request.options.seed)
    }

    /// Begins the run, or takes it up.
    ///
    /// - Parameter day: what the chat template wrote for today in the data; a resumed run must have it too.
    private func run(
        _ request: TuneRequest, _ arguments: ParsedArguments, _ session: ModelSession,
        _ model: TuningModel, _ terms: [ObjectiveTerm], _ data: TuningData, day: String?
    ) throws -> TuningRun {
        let resumed = arguments.textIfGiven(TuneOptions.resume)
        let folder =
            try resumed ?? arguments.textIfGiven(TuneOptions.run)
            ?? Self.runFolder(for: arguments.text(Self.output))
        var options = try decidingOptions(arguments)
        options[ChatOptions.date.name] = day.map { .string($0) }
        return try TuningRun(
            objective: ObjectiveEngine(model: model, terms: terms, steering: data.steering),
            parameters: model.parameters,
            groups: ParameterGroup.groups(
                of: model.parameters, terms: terms, learningRate: request.learningRate,
                representationLearningRate: request.representationLearningRate),
            data: data, options: request.options,
            description: RunDescription(
                version: Version.current, inputs: try inputs(arguments, session),
                options: options, objectives: terms.names,
                parameters: model.parameters.map { ($0.name, $0.shape) },
                steps: request.options.steps(examples: data.training.count)),
            folder: folder, resumes: resumed != nil, replacing: arguments.replacesOutputs,
            kernel: BLASLibrary.kernelAndVersion, crew: session.crew)
    }

    private static func runFolder(for output: String) -> String {
        var path = output
        while path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path + ".run"
    }

    private func inputs(
        _ arguments: ParsedArguments, _ session: ModelSession
    ) throws -> [RunDescription.Input] {
        var inputs = [
            RunDescription.Input(
                name: "base", path: session.checkpoint.path,
                sha256: try session.checkpoint.weightsHash())
        ]
        func add(_ name: String, _ path: String) throws {
            inputs.append(
                RunDescription.Input(
                    name: name, path: path, sha256: try MappedFile(path: path).sha256()))
        }
        for (name, option) in [("vector", TuneOptions.vector), ("steer", TuneOptions.steer)] {
            for (index, text) in arguments.values(option).enumerated() {
                try add("\(name) \(index + 1)", VectorSpecification(text).file)
            }
        }
        for option in [TuneOptions.data, TuneOptions.validation, TuneOptions.text] {
            if let path = arguments.textIfGiven(option) { try add(option.name, path) }
        }
        return inputs
    }

    /// The options that a resumed run must have too, as they were written; files are known by their contents.
    private func decidingOptions(_ arguments: ParsedArguments) throws -> JSONObject {
        var options = JSONObject()
        for option in TuneOptions.deciding {
            options[option.name] =
                option.value == nil
                ? .bool(arguments.has(option))
                : arguments.textIfGiven(option).map { .string($0) }
        }
        options[TuneOptions.vector.name] = try places(arguments.values(TuneOptions.vector))
        if arguments.isGiven(TuneOptions.steer) {
            options[TuneOptions.steer.name] = try places(arguments.values(TuneOptions.steer))
        }
        return options
    }

    /// Scales and blocks of vectors, whose files are known by their contents.
    private func places(_ specifications: [String]) throws -> JSONValue {
        .array(
            try specifications.map { text in
                let specification = try VectorSpecification(text)
                return .string(
                    "\(specification.scale)@" + (specification.blocks.map(BlockSet.text) ?? "all"))
            })
    }

    /// What the model is steered with while it is tuned; nil where nothing is asked for.
    private func steering(
        _ arguments: ParsedArguments, on session: ModelSession, _ numbers: Hyperparameters,
        seed: UInt64, _ console: Console
    ) throws -> SteeringSchedule? {
        let specifications = arguments.values(TuneOptions.steer)
        guard !specifications.isEmpty else { return nil }
        try session.tellOtherBases(specifications, console)
        let convention = try arguments.value(SteeringOptions.convention)
        return SteeringSchedule(
            try specifications.map { text in
                try VectorSpecification(text).interventions(
                    .add, convention: convention, hiddenSize: numbers.hiddenSize,
                    blockCount: numbers.blockCount)
            }, probability: try arguments.value(TuneOptions.steerProbability),
            strength: try arguments.value(TuneOptions.steerStrength), seed: seed)
    }

    /// What the output is to say of itself; nothing for an adapter.
    private func notes(
        _ request: TuneRequest, _ objectives: [String], _ arguments: ParsedArguments,
        _ base: Checkpoint, _ output: CheckpointOutput, _ console: Console
    ) throws -> [CheckpointEdit] {
        guard request.outputType != nil else { return [] }
        return try NoteOptions.edits(
            arguments, self, base: base, format: output.format(from: base),
            method: objectives.joined(separator: ","), console)
    }

    // MARK: - During

    /// Runs until the end or the first signal.
    private func carryOut(_ run: TuningRun, _ terms: [ObjectiveTerm], _ console: Console) throws
        -> TuningSummary
    {
        let names = terms.names
        defer { console.clearProgress() }
        return try Interruption.deferring {
            console.note("stopping after this step; the same signal again stops at once")
        } _: { isRequested in
            try run.run(shouldStop: isRequested) { progress in
                console.showProgress(
                    TuningView.line(progress, names: names, width: console.progressWidth))
            }
        }
    }

    // MARK: - After

    /// Writes what the model has become.
    ///
    /// - Parameter notes: what the output says of itself.
    /// - Parameter type: of tuned matrices; nil for an adapter.
    /// - Returns: a report of the output.
    private func write(
        _ model: TuningModel, as type: TuningModel.OutputType?, to output: CheckpointOutput,
        _ notes: [CheckpointEdit], crew: WorkCrew, _ arguments: ParsedArguments, _ console: Console
    ) throws -> JSONObject {
        if let type {
            return try output.save(
                model.base, edits: model.edits(as: type) + notes, crew: crew, arguments, console
            ).report
        }
        let adapter = try model.adapter()
        try adapter.write(
            to: output.path, for: model.base, baseName: nil, replacing: arguments.replacesOutputs)
        console.print("\(output.path): low-rank updates of \(adapter.updates.count) weights")
        return JSONObject([
            .init("output", .string(output.path)),
            .init("updates", .integer(adapter.updates.count)),
        ])
    }
}
