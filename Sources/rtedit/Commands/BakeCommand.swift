import Formats
import Transformer
import Tuning

/// `rtedit bake`
struct BakeCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let output = Positional(
        Positional.output,
        "A .gguf file, a folder, or a patch (.rtdelta); may be MODEL itself with --force.")
    static let method = Option.value(
        "method", "NAME", "The route; auto takes the first that does not refuse.",
        standard: automatic, allowed: [automatic] + BakeRoutes.all.map(\.name))
    static let type = Knob.storedType(
        "type", "T",
        "The type of matrices that the bake computes anew; each keeps its own, or what its route stores, if not given."
    )
    private static let automatic = "auto"

    let name = "bake"
    let summary = "Make steering permanent in the weights, exactly unless asked otherwise."
    let details = """
        A route says how. Every tensor that it does not name is copied byte for byte, quantised ones too. Where a \
        runtime would refuse or ignore the edit, or a value is beyond f16, bake refuses and says why; --dry-run shows \
        what each route costs or why it refuses.
        """ + BakeRoutes.all.map { "\n\nRoute \($0.name): \($0.summary)" }.joined()
    let positionals = [Self.model, Self.output]
    let options =
        SteeringOptions.all
        + Option.declared(
            [Self.method, Self.type] + FitOptions.all
                + [CheckpointOutput.shardSize, CheckpointOutput.dryRun]) + NoteOptions.all
    let groups = [OptionGroup(.atLeastOne, SteeringOptions.files)]
    let examples = [
        Example(
            "Into a quantised GGUF:",
            "rtedit bake m.gguf cheerful.gguf --vector mood.gguf:1.5@10-15"),
        Example(
            "Into a Hugging Face folder:",
            "rtedit bake m.gguf cheerful --vector mood.gguf:1.5@10-15"),
        Example(
            "Under a name of its own:",
            "rtedit bake m.gguf o.gguf --vector v.gguf --name Cheerful-135M"),
        Example(
            "Without a direction, that of block 12:",
            "rtedit bake m.gguf open.gguf --ablate refusal.gguf@12 --everywhere"),
        Example(
            "Behind a norm, lengths kept; not equal to steering:",
            "rtedit bake g.gguf o --ablate r.gguf --method ablation-columns"),
        Example(
            "Behind a norm, where nothing is exact:",
            "rtedit bake g.gguf o --vector v.gguf@12 --method fit --calibration t.txt"
        ),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool {
        arguments.isGiven(FitOptions.calibration)
    }

    func readsWeights(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let name = try arguments.text(Self.method)
        try FitOptions.check(arguments, method: name, automatic: Self.automatic)
        let output = try CheckpointOutput(arguments, Self.output)
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let source = session.checkpoint
        let format = output.format(from: source)
        _ = try NoteOptions.assignments(arguments, source, format)
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
        let fitting = try FitOptions.fitting(
            arguments, of: interventions, on: session, format: format, console)
        if let fitting { FitView(fitting).show(on: console) }
        let isFitAllowed = name == FitRoute().name || arguments.isGiven(FitOptions.maxError)
        let routes = fitting.map(BakeRoutes.all) ?? BakeRoutes.all
        let plan: BakePlan
        do {
            if let fitting { try FitOptions.checkError(of: fitting, arguments) }
            plan = try BakePlan(
                named: name == Self.automatic ? nil : name, for: interventions, in: source,
                format: format, of: isFitAllowed ? routes : BakeRoutes.all)
        } catch {
            if arguments.has(CheckpointOutput.dryRun) {
                BakeRouteView(refused: interventions, in: source, format: format, routes)
                    .show(on: console)
            }
            guard let cause = error as? any Failure, cause.kind == .unsupported,
                name == Self.automatic
            else { throw error }
            throw RefusedBake(cause, interventions, in: source, format: format)
        }
        var edits = try edits(of: plan, into: source, format: format, arguments)
        edits += try NoteOptions.edits(
            arguments, self, base: source, format: format,
            method: plan.steps.map(\.route.name).joined(separator: ","), console)
        for step in plan.steps {
            for remark in try step.route.remarks(on: step.interventions, in: source) {
                console.note(remark)
            }
        }
        let saved = try output.save(source, edits: edits, crew: session.crew, arguments, console)
        var report = saved.report
        if let leftovers = try leftovers(
            after: plan, in: session, written: saved.checkpoint, console)
        {
            report["leftover"] = .array(leftovers.json)
        }
        if arguments.has(CheckpointOutput.dryRun) {
            let view = BakeRouteView(plan, in: source, format: format, routes)
            view.show(on: console)
            report["routes"] = .array(view.json)
        }
        if let fitting {
            report["fit"] = FitView(fitting).json
            if plan.steps.contains(where: { $0.route is FitRoute }) {
                console.note(
                    "a fit is not exact: verify measures how far it is from steering, and says NOT EQUAL"
                )
            }
        }
        console.report(report)
        return .done
    }

    /// The plan's edits, in the type that the call asks for.
    ///
    /// - Throws: `UsageError` where it asks for one and no matrix is computed anew, or a fit was judged in its own.
    private func edits(
        of plan: BakePlan, into source: Checkpoint, format: FileFormat,
        _ arguments: ParsedArguments
    ) throws -> [CheckpointEdit] {
        let edits = try plan.edits(into: source, format: format)
        guard let type = try arguments.value(Self.type) else { return edits }
        let names = plan.steps.map(\.route.name)
        if names.contains(FitRoute().name) {
            throw UsageError.conflict([
                Self.type.option.flagText, "\(Self.method.flagText) \(FitRoute().name)",
            ])
        }
        guard edits.contains(where: \.computesMatrix) else {
            throw arguments.invalid(
                Self.type.option, type.name,
                "usable with route \(names.joined(separator: " and ")), which computes no matrix anew"
            )
        }
        return edits.map { $0.computesMatrix ? $0.storing(as: type) : $0 }
    }

    /// What is left of removed directions, shown; nil where none are removed.
    private func leftovers(
        after plan: BakePlan, in session: ModelSession, written path: String?, _ console: Console
    ) throws -> LeftoverView? {
        guard let step = plan.steps.first(where: \.route.operation.removes) else {
            return nil
        }
        let norm = (step.route as? WeightAblationRoute)?.norm
        let removal = try WeightRemoval(
            step.interventions, from: session.checkpoint, keeping: norm ?? .none)
        let stored = try path.map { try Checkpoint.open($0) }
        let view = LeftoverView(try removal.leftovers(in: stored, crew: session.crew))
        view.show(on: console)
        if norm != nil {
            console.note(
                "\(step.route.name) is not steering: verify measures how far it is from it, and says NOT EQUAL"
            )
        }
        return view
    }
}
