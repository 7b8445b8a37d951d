import Formats
import Foundation
import Transformer
import Tuning

/// `rtedit experiment`
struct ExperimentCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    private static let usual = ExperimentOptions()
    static let trait = Option.list(
        "trait", "FILE", "A trait: a JSON file that names its data, as samples/mood/trait.json.")
    static let text = Option.list(
        "text", "FILE",
        "Prose that strengths are matched and perplexity is reported on, by windows of its own each."
    )
    static let output = Option.value(
        "output", "DIR", short: "o", "The folder of results, tables and drawings.",
        isRequired: true)
    static let recipe = Knob.choice(
        "recipe", "NAME", "How models are tuned: as we do, or as the paper's notebook does.",
        standard: usual.recipe.name)
    static let seed = Knob.integer(
        "seed", "N", "Draws the data: pairs, probes, windows of text.", standard: 0)
    static let seeds = Knob.integer(
        "seeds", "N", "Runs of every tuned condition that decides a claim.",
        standard: usual.decidingSeeds, in: 1...100)
    static let otherSeeds = Knob.integer(
        "other-seeds", "N", "Runs of the other tuned conditions.", standard: usual.otherSeeds,
        in: 1...100)
    static let perplexity = Knob.number(
        "perplexity", "X", "What every condition costs, times the untuned model's perplexity.",
        standard: usual.perplexityRatio, in: 1.001...100)
    static let textTokens = Knob.integer(
        "text-tokens", "N", "Tokens of the text that perplexity is reported on.",
        standard: usual.textTokens, in: 1...100_000_000)
    static let matchingTokens = Knob.integer(
        "matching-tokens", "N", "Tokens of the text that strengths are matched on.",
        standard: usual.matchingTokens, in: 1...100_000_000)
    static let limit = Knob.integer(
        "limit", "N", "Training examples of a run at most.", standard: usual.exampleLimit,
        in: 1...1_000_000)
    static let budget = Option.value(
        "budget", "TIME",
        "Do what can be done in this time, such as 2h or 90m, for each trait; the page says what is left out."
    )
    static let resume = Option.flag("resume", "Continue what the folder holds.")

    let name = "experiment"
    let summary = "Compare online steering, token tuning and representation tuning on a model."
    let details = """
        For each trait: the model as it is, steered online, tuned by the token loss, by the representation loss, by \
        both, and away from the direction, each in both directions and with several seeds; measured on held-out probes, \
        on probes of another form, on prose, and under later steering. Data are drawn at random from the whole of their \
        sets. Blocks and learning rates are chosen on the trait's validation probes, and every condition's strength is \
        brought to one perplexity. Claims are judged together, by intervals over seeds, topics, couples and probes. The \
        folder receives report.html and report.md with the table and the verdicts, drawings as SVG, and every result as a \
        JSON line. docs/experiment.md says more.
        """
    let positionals = [Self.model]
    let options = Option.declared([
        Self.trait, Self.text, Self.output, Self.recipe, Self.seed, Self.seeds, Self.otherSeeds,
        Self.perplexity, Self.textTokens, Self.matchingTokens, Self.limit, Self.budget,
        ChatOptions.date, Self.resume,
    ])
    let groups = [
        OptionGroup(.atLeastOne, [Self.trait]), OptionGroup(.atLeastOne, [Self.text]),
    ]
    let examples = [
        Example(
            "Two traits may be given; `make experiment` runs those of samples/:",
            "rtedit experiment m.gguf --trait t.json --text a.txt -o out"),
        Example(
            "What can be decided in two hours:",
            "rtedit experiment m.gguf --trait t.json --text a.txt -o out --budget 2h"),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let folder = try arguments.outputPath(Self.output)
        let options = try Self.options(arguments)
        let seconds = try Self.seconds(arguments)
        let traits = try arguments.values(Self.trait).map { try Trait($0) }
        let isNew = !Folder.exists(folder)
        let continued = try Self.prepare(folder, for: traits, arguments)
        do {
            try run(traits, continued, to: folder, options, within: seconds, arguments, console)
        } catch {
            // A folder of nothing is no output.
            if isNew { rmdir(folder) }
            throw error
        }
        return .done
    }

    private func run(
        _ traits: [Trait], _ continued: Set<String>, to folder: String,
        _ options: ExperimentOptions, within seconds: Double?, _ arguments: ParsedArguments,
        _ console: Console
    ) throws {
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let renderer = try session.renderer()
        let texts = try arguments.values(Self.text).map { file in
            (
                file: file,
                tokens: renderer.tokenizer.encode(
                    try TextFile.read(file), addSpecial: false, parseSpecial: false)
            )
        }
        let clock = ContinuousClock.now
        let outcomes = try traits.map { trait in
            let path = "\(folder)/\(trait.name).jsonl"
            let experiment = try Experiment(
                trait: trait, base: session.checkpoint, renderer: renderer, texts: texts,
                options: options, resultsPath: path, continues: continued.contains(trait.name),
                version: Version.current, kernel: BLASLibrary.kernelAndVersion, crew: session.crew
            ) { doing in
                console.note("\(Quantity.duration(ContinuousClock.now - clock)): \(doing)")
            }
            if let mixture = KernelMixture(experiment.kernels) {
                console.note("\(path): \(mixture.description)")
            }
            return try experiment.run(within: seconds)
        }
        // All claims of the page are judged together.
        let claims = JudgedClaim.all(outcomes.flatMap(Claim.all))
        let parts = outcomes.map { outcome in
            ExperimentPage(
                outcome: outcome,
                claims: claims.filter { $0.claim.trait == outcome.trait.name })
        }
        for drawing in parts.flatMap(\.drawings) {
            try Self.write(drawing.content.text, to: "\(folder)/\(drawing.name)")
        }
        let report = ExperimentReport(model: session.checkpoint.name, parts: parts)
        try Self.write(report.markdown, to: "\(folder)/report.md")
        let source = try PageSource(
            arguments, models: [("model", session.checkpoint)], files: [Self.trait, Self.text])
        try Self.write(report.html(source: source), to: "\(folder)/report.html")
        console.print(report.markdown)
        let figures = parts.map { ExperimentJSON(page: $0) }
        console.report(
            JSONObject([
                .init("output", .string(folder)),
                .init("claims", .array(figures.flatMap(\.claims))),
                .init("conditions", .array(figures.flatMap(\.conditions))),
            ]))
    }

    private static func options(_ arguments: ParsedArguments) throws -> ExperimentOptions {
        var options = ExperimentOptions()
        options.recipe = Recipe(try arguments.value(Self.recipe))
        options.seed = UInt64(bitPattern: Int64(try arguments.value(Self.seed)))
        options.decidingSeeds = try arguments.value(Self.seeds)
        options.otherSeeds = try arguments.value(Self.otherSeeds)
        options.perplexityRatio = try arguments.value(Self.perplexity)
        options.textTokens = try arguments.value(Self.textTokens)
        options.matchingTokens = try arguments.value(Self.matchingTokens)
        options.exampleLimit = try arguments.value(Self.limit)
        return options
    }

    /// The time of --budget, in seconds: a number and one of s, m and h.
    private static func seconds(_ arguments: ParsedArguments) throws -> Double? {
        guard let text = arguments.textIfGiven(Self.budget) else { return nil }
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
        guard let unit = text.last.flatMap({ units[$0] }), let number = Double(text.dropLast()),
            number > 0, number.isFinite
        else { throw arguments.invalid(Self.budget, text, "a time such as 90m or 2h") }
        return number * unit
    }

    /// Makes the folder, and checks that what will be written there may be.
    ///
    /// - Returns: the names of the traits whose results are there and shall be continued.
    private static func prepare(
        _ folder: String, for traits: [Trait], _ arguments: ParsedArguments
    ) throws -> Set<String> {
        try Folder.make(folder)
        var continued: Set<String> = []
        var seen: Set<String> = []
        for trait in traits {
            guard seen.insert(trait.name).inserted else {
                throw ExperimentError.sameName(name: trait.name)
            }
            let results = "\(folder)/\(trait.name).jsonl"
            let isContinued =
                arguments.has(Self.resume) && FileManager.default.fileExists(atPath: results)
            if isContinued { continued.insert(trait.name) }
            for path in [results]
                + ExperimentPage.drawingNames(of: trait).map({ "\(folder)/\($0)" })
            {
                try AtomicFile.checkTarget(
                    path, replacing: isContinued || arguments.replacesOutputs)
            }
        }
        for name in ["report.md", "report.html"] {
            try AtomicFile.checkTarget(
                "\(folder)/\(name)", replacing: !continued.isEmpty || arguments.replacesOutputs)
        }
        return continued
    }

    private static func write(_ text: String, to path: String) throws {
        let file = try AtomicFile(path: path, replacing: true)
        try file.append(Array(text.utf8))
        try file.commit()
    }
}
