import Formats
import Foundation
import Transformer
import Tuning

/// `rtedit search`
struct SearchCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let vector = Option.list(
        "vector", "FILE", "A vector to search, FILE or FILE@BLOCKS; several are tried one by one.")
    static let probe = Option.value(
        "probe", "FILE",
        "What is to be moved, forced choices: {\"prompt\": X, \"choices\": [A, B], \"correct\": 0} a line.",
        isRequired: true)
    static let text = Option.value(
        "text", "FILE",
        "Ordinary text, for KL and perplexity; without it KL is taken on the probe's prompts.")
    static let textTokens = Knob.integer(
        "text-tokens", "N", "Tokens of the text that are read.",
        standard: SearchOptions.standardTextTokens, in: 2...100_000_000)
    static let maxKL = Knob.number(
        "max-kl", "X", "The most that the mean KL(plain || steered) may be, in nats.",
        standard: SearchLimits.standardDivergence, in: 0...1000)
    static let maxPerplexity = Knob<Double?>.number(
        "max-perplexity", "R",
        "The most that the text's perplexity may be, as a multiple of the plain model's.",
        in: 1...1_000_000)
    static let objective = Knob.choice(
        "objective", "NAME", "The probe's figure that is to be moved.",
        standard: SearchOptions.Objective.margin)
    static let opposite = Option.flag(
        "opposite", "Move the probe away from its correct choices, with negative strengths.")
    static let strengths = Knob<SearchOptions.Signs?>.choice(
        "strengths", "SIGN",
        "Which multiples of the vectors are tried; positive, or negative with --opposite, if not given."
    )
    static let trials = Knob.integer(
        "trials", "N", "Trials at most.", standard: SearchOptions.standardTrials, in: 8...1_000_000)
    static let seed = Knob.integer(
        "seed", "N", "Decides which half of the probes chooses.", standard: 0)
    static let memory = Knob.byteCount(
        "memory", "BYTES",
        "What streams and logits of the plain model may take; less makes trials slower, not different.",
        standard: SearchOptions.standardMemory)
    static let output = Option.value(
        "output", "DIR", short: "o", "A folder for every trial, the drawings, and the SPEC.")
    static let resume = Option.flag("resume", "Continue what the folder holds.")

    let name = "search"
    let summary = "Find the blocks, site and strength of a vector that move a probe most."
    let details = """
        Every trial is measured as eval measures: the probe's margin, the mean KL of the plain model's predictions from \
        the steered one's, the perplexity. First all single blocks and some long runs on a part of the data; then the \
        best runs, shifted, widened and narrowed; then their strengths, up to the limits. Blocks below the first steered \
        one are run once and kept. Trials that no other is better than in all three figures are the front; the best is \
        the one within the limits that moves the probe most.

        One half of the probes chooses, drawn by lot; the other half is measured only for the trials of the front, so \
        that its figures have not been picked.

        The folder receives trials.jsonl with every result, choice.jsonl and held-out.jsonl with the two halves of the \
        probe, front.svg, blocks.svg, report.html, and best.txt with the SPEC, as generate, bake and verify take it. \
        Ends with 1 where nothing within the limits moves the probe, and names what comes nearest.
        """
    let positionals = [Self.model]
    let options = Option.declared([
        Self.vector, Self.probe, Self.text, Self.textTokens, Self.maxKL, Self.maxPerplexity,
        Self.objective, Self.opposite, Self.strengths, Self.trials, Self.seed, EvalCommand.window,
        EvalCommand.stride, EvalCommand.chat, ChatOptions.date, SteeringOptions.convention,
        SteeringOptions.strict,
        Self.memory, Self.output, Self.resume,
    ])
    let groups = [OptionGroup(.atLeastOne, [Self.vector])]
    let examples = [
        Example(
            "Where and how strongly a mood acts at little cost:",
            "rtedit search m.gguf --vector v.gguf --probe p.jsonl --text t.txt -o out"),
        Example(
            "What was found, made permanent:",
            "rtedit bake m.gguf cheerful.gguf --vector \"$(cat out/best.txt)\""),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let options = try Self.searchOptions(arguments)
        let folder = try SearchFolder(arguments)
        let probePath = try arguments.text(Self.probe)
        let probes = try Probe.read(probePath)
        let split = try ProbeSplit(of: probes.count, file: probePath, seed: options.seed)
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let (vectors, hashes) = try Self.vectors(arguments, session, console)
        let renderer = try session.renderer()
        let decoder = try session.decoder()
        let text = try Self.text(arguments, renderer, decoder)
        let inputs = JSONObject([
            .init("vectors", .array(hashes)),
            .init("probe", .string(try MappedFile(path: probePath).sha256())),
            .init(
                "text",
                try arguments.textIfGiven(Self.text)
                    .map { .string(try MappedFile(path: $0).sha256()) } ?? .null),
        ])
        try folder?.begin()
        let progress = console.progress(
            "searching", total: options.trials, unit: .things("trials"))
        let clock = ContinuousClock.now
        var count = 0
        let search = try Search(
            vectors: vectors, base: session.checkpoint, decoder: decoder, renderer: renderer,
            probes: probes, split: split, text: text, options: options, inputs: inputs,
            resultsPath: folder?.trials, continues: folder?.continues ?? false,
            kernel: BLASLibrary.kernelAndVersion, report: { console.note($0) },
            advance: {
                count = $0
                progress.reach($0)
            })
        if let mixture = KernelMixture(search.kernels), let folder {
            console.note("\(folder.trials): \(mixture.description)")
        }
        let outcome = try search.run()
        progress.finish()
        let time = Quantity.duration(ContinuousClock.now - clock)
        console.note("\(count) trials in \(time)")
        let view = SearchView(
            outcome, split: split, model: session.checkpoint, hasText: text != nil)
        if let folder {
            let source = try PageSource(
                arguments, models: [("model", session.checkpoint)],
                files: [Self.probe, Self.text], vectors: [Self.vector])
            try folder.write(view, source: source, probes: probePath, split: split)
        }
        view.show(on: console)
        var report = view.json
        report["output"] = folder.map { .string($0.path) } ?? .null
        console.report(report)
        return outcome.best == nil ? .checkFailed : .done
    }

    // MARK: - Inputs

    private static func searchOptions(
        _ arguments: ParsedArguments
    ) throws -> SearchOptions {
        var options = try limits(arguments)
        options.signs =
            try arguments.value(strengths) ?? (options.isOpposite ? .negative : .positive)
        options.trials = try arguments.value(trials)
        options.seed = UInt64(try arguments.value(seed))
        return options
    }

    /// What is looked for, what it may cost, and how it is measured.
    static func limits(_ arguments: ParsedArguments) throws -> SearchOptions {
        if arguments.textIfGiven(text) == nil {
            let others = Option.declared([maxPerplexity, EvalCommand.window, EvalCommand.stride])
            if let given = others.first(where: arguments.isGiven) {
                throw UsageError.needs(option: given.flagText, other: text.flagText)
            }
        }
        var options = SearchOptions()
        options.objective = try arguments.value(objective)
        options.isOpposite = arguments.has(opposite)
        options.limits = SearchLimits(
            divergence: try arguments.value(maxKL),
            perplexity: try arguments.value(maxPerplexity))
        options.memory = try arguments.value(memory)
        options.asChat = arguments.has(EvalCommand.chat)
        return options
    }

    /// The vectors, and what they are known by.
    static func vectors(
        _ arguments: ParsedArguments, _ session: ModelSession, _ console: Console
    ) throws -> (vectors: [SearchVector], hashes: [JSONValue]) {
        let texts = arguments.values(vector)
        try session.tellOtherBases(texts, console)
        let numbers = try session.checkpoint.storedHyperparameters()
        let convention = try arguments.value(SteeringOptions.convention)
        let vectors = try texts.map {
            try SearchVector(
                $0, convention: convention, hiddenSize: numbers.hiddenSize,
                blockCount: numbers.blockCount)
        }
        let hashes = try vectors.map { vector in
            let hash = try MappedFile(path: vector.file).sha256()
            return JSONValue.string("\(hash)@\(BlockSet.text(vector.blocks)) \(convention)")
        }
        return (vectors, hashes)
    }

    /// The tokens of the text, and the windows they are read in.
    static func text(
        _ arguments: ParsedArguments, _ renderer: PromptRenderer, _ decoder: Decoder
    ) throws -> (tokens: [Int], windows: SlidingWindows)? {
        let limit = try arguments.value(textTokens)
        guard let path = arguments.textIfGiven(text) else { return nil }
        let windows = try SlidingWindows(
            length: arguments.value(EvalCommand.window),
            stride: arguments.value(EvalCommand.stride),
            limit: decoder.configuration.positionLimit)
        let tokens = renderer.tokenizer.encode(try TextFile.read(path)).prefix(limit)
        guard tokens.count >= 2 else { throw EvaluationError.shortText(tokens: tokens.count) }
        return (Array(tokens), windows)
    }
}

/// The folder that a search leaves its results in.
private struct SearchFolder {
    let path: String
    let continues: Bool
    private let replaces: Bool

    private static let names = [
        "trials.jsonl", "choice.jsonl", "held-out.jsonl", "front.svg", "blocks.svg",
        "report.html", "best.txt",
    ]

    var trials: String { "\(path)/\(Self.names[0])" }

    /// - Returns: nil where no folder is asked for.
    init?(_ arguments: ParsedArguments) throws {
        let isResumed = arguments.has(SearchCommand.resume)
        guard let path = try arguments.outputPathIfGiven(SearchCommand.output) else {
            guard isResumed else { return nil }
            throw UsageError.needs(
                option: SearchCommand.resume.flagText, other: SearchCommand.output.flagText)
        }
        self.path = path
        continues =
            isResumed && FileManager.default.fileExists(atPath: "\(path)/\(Self.names[0])")
        replaces = continues || arguments.replacesOutputs
    }

    /// Makes the folder, and checks that what will be written there may be.
    func begin() throws {
        try Folder.make(path)
        for name in Self.names {
            try AtomicFile.checkTarget("\(path)/\(name)", replacing: replaces)
        }
    }

    func write(
        _ view: SearchView, source: PageSource, probes: String, split: ProbeSplit
    ) throws {
        let lines = try JSONLines.read(probes).map {
            JSONWriter().text(.object($0.object)) + "\n"
        }
        try write(split.choice.map { lines[$0] }.joined(), to: "choice.jsonl")
        try write(split.heldOut.map { lines[$0] }.joined(), to: "held-out.jsonl")
        try write(view.frontDrawing.text, to: "front.svg")
        try write(view.blockDrawing.text, to: "blocks.svg")
        try write(SearchPage(view: view, source: source).html, to: "report.html")
        let best = "best.txt"
        if let specification = view.bestSpecification {
            try write(specification + "\n", to: best)
        } else if FileManager.default.fileExists(atPath: "\(path)/\(best)") {
            // That of an earlier search would be taken for this one's.
            try FileManager.default.removeItem(atPath: "\(path)/\(best)")
        }
    }

    private func write(_ text: String, to name: String) throws {
        let file = try AtomicFile(path: "\(path)/\(name)", replacing: true)
        try file.append(Array(text.utf8))
        try file.commit()
    }
}
