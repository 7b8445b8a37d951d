import Formats
import Transformer
import Tuning

/// `rtedit compare-types`
struct CompareTypesCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let text = Option.value(
        "text", "FILE", "Plain text to measure on.", isRequired: true)
    static let types = Knob<[String]?>(
        "types", "LIST",
        "The types and mixes to compare, as convert names them, separated by commas.",
        standard: nil, text: nil
    ) { text throws(Misread) in try names(in: text) }

    /// What is compared where the call does not say.
    private static let usualTypes = [
        "q8_0", "q6_k", "q5_k_m", "q5_k_s", "q4_k_m", "q4_k_s", "iq4_xs", "iq4_nl", "q4_0",
        "q3_k_l", "q3_k_m", "q3_k_s", "q2_k",
    ]
    /// What is compared beside these where errors are weighted.
    private static let weightedTypes = ["iq3_m", "iq3_xxs", "iq2_m", "iq2_xs", "iq1_m"]

    let name = "compare-types"
    let summary = "Compare quantised types: the size of the file against what it changes."
    let details = """
        Writes the model in each type, one file at a time, measures the file on the text and removes it. KL is KL(MODEL || \
        file) of the next token in nats, its interval 95 % by resampling windows; the error is that of the rounded weights, \
        root mean square over their size. A type is on the front where no other makes a file as small whose predictions are as \
        near.

        The files go to a folder beside the report, without a report to one in $TMPDIR or /tmp, which is removed at the \
        end, after an interruption too. One file must fit there.

        Without --types: \(usualTypes.joined(separator: ", ")); with --imatrix also \
        \(weightedTypes.joined(separator: ", ")).
        """
    let positionals = [Self.model]
    let options = Option.declared([
        Self.text, Self.types, TypeOptions.importance, EvalCommand.window, EvalCommand.stride,
        ReportOption.report, TypeOptions.allowsRequantizing,
    ])
    let examples = [
        Example(
            "Which type is worth its size:",
            "rtedit compare-types model.gguf --text prose.txt --report types.html"),
        Example(
            "Two of them, weighted:",
            "rtedit compare-types dir --text t.txt --types q4_k_m,iq3_m --imatrix i.gguf"),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let output = try arguments.outputPathIfGiven(ReportOption.report)
        if let output {
            try AtomicFile.checkTarget(output, replacing: arguments.replacesOutputs)
        }
        let policies = try Self.policies(arguments)
        let text = try TextFile.read(arguments.text(Self.text))
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let comparison = try TypeComparison(
            of: session.checkpoint, as: policies, crew: session.crew)
        tellNotes(of: comparison, console)
        let scratch = try ScratchFolder(in: Self.scratchPlace(output), for: name)
        let passage = try Self.passage(text, of: session, arguments, console)
        let rows = try comparison.candidates.map {
            try Self.measure($0, of: comparison, on: passage, in: scratch, console)
        }
        let view = TypeComparisonView(
            rows, passage: passage, model: session.checkpoint.path,
            importance: arguments.textIfGiven(TypeOptions.importance))
        view.show(on: console)
        if let output {
            let source = try PageSource(
                arguments, models: [("model", session.checkpoint)],
                files: [Self.text, TypeOptions.importance])
            try ReportOption.write(
                TypeComparisonPage(view: view, source: source).html, to: output, arguments, console)
        }
        var report = view.json
        report["report"] = output.map { .string($0) } ?? .null
        console.report(report)
        return .done
    }

    private func tellNotes(of comparison: TypeComparison, _ console: Console) {
        for note in comparison.notes { console.note(note) }
        let others = comparison.notesOnTypes
        for note in others { console.detail(note) }
        if !others.isEmpty, !console.settings.isVerbose {
            console.note("\(others.count) notes on single types: --verbose shows them")
        }
    }

    // MARK: - Inputs

    /// The names of a list, usual other names replaced.
    private static func names(in text: String) throws(Misread) -> [String] {
        var names: [String] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let word = part.lowercased().filter { $0 != " " }
            guard let policy = TypePolicy(named: word), policy != .keep else {
                throw Misread(
                    text: String(part),
                    expected: "one of "
                        + TypePolicy.names.filter { $0 != "keep" }.joined(separator: ", "))
            }
            let name = policy.mix?.name ?? word
            guard !names.contains(name) else {
                throw Misread(text: String(part), expected: "named once")
            }
            names.append(name)
        }
        return names
    }

    private static func policies(
        _ arguments: ParsedArguments
    ) throws -> [(name: String, policy: TypePolicy)] {
        let importance = try arguments.textIfGiven(TypeOptions.importance).map {
            try ImportanceMatrix(contentsOf: $0)
        }
        let usual = usualTypes + (importance == nil ? [] : weightedTypes)
        return try (arguments.value(types) ?? usual).compactMap { name in
            guard var policy = TypePolicy(named: name) else { return nil }
            policy.importance = importance
            policy.allowsRequantizing = arguments.has(TypeOptions.allowsRequantizing)
            return (name, policy)
        }
    }

    /// The folder that holds the files' one.
    private static func scratchPlace(_ report: String?) -> String {
        if let report { return PathParts(report).folder }
        return Environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
    }

    // MARK: - Measuring

    private static func passage(
        _ text: String, of session: ModelSession, _ arguments: ParsedArguments, _ console: Console
    ) throws -> TypeComparison.Passage {
        let decoder = try session.decoder()
        let windows = try SlidingWindows(
            length: arguments.value(EvalCommand.window),
            stride: arguments.value(EvalCommand.stride),
            limit: decoder.configuration.positionLimit)
        let tokens = try session.renderer().tokenizer.encode(text)
        let progress = console.progress(
            "reading", total: windows.windows(over: tokens.count).count, unit: .things("windows"))
        defer { progress.finish() }
        return try TypeComparison.Passage(tokens, windows: windows, decoder: decoder) {
            done, _ in progress.reach(done)
        }
    }

    private static func measure(
        _ candidate: TypeComparison.Candidate, of comparison: TypeComparison,
        on passage: TypeComparison.Passage, in scratch: ScratchFolder, _ console: Console
    ) throws -> TypeComparison.Row {
        let writing = console.progress(
            "writing \(candidate.name)", total: candidate.byteCount, unit: .bytes)
        let comparing = console.progress(
            "comparing \(candidate.name)", total: passage.perplexity.windows.count,
            unit: .things("windows"))
        defer { comparing.finish() }
        let row = try comparison.measure(
            candidate, on: passage, in: scratch, written: { writing.advance(by: $0) },
            progress: { done, _ in comparing.reach(done) })
        console.note(
            "\(row.name): \(Quantity.bytes(row.byteCount)), KL \(EvaluationView.nats(row.divergence))"
        )
        return row
    }
}
