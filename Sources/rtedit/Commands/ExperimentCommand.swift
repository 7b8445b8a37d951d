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
    static let text = Option.value(
        "text", "FILE", "Text that perplexity is measured on.", isRequired: true)
    static let ordinary = Option.value(
        "ordinary-text", "FILE", "Other text, which bounds what may be chosen.", isRequired: true)
    static let output = Option.value(
        "output", "DIR", short: "o", "The folder of results, tables and drawings.",
        isRequired: true)
    static let seeds = Knob.integer(
        "seeds", "N", "Runs of every tuned condition.", standard: usual.seeds, in: 1...100)
    static let textTokens = Knob.integer(
        "text-tokens", "N", "Tokens of the text that are read.", standard: usual.textTokens,
        in: 1...100_000_000)
    static let epochs = Knob.integer(
        "epochs", "N", "Passes over the training data.", standard: usual.epochs, in: 1...1000)
    static let limit = Knob.integer(
        "limit", "N", "Training examples of a trait at most.", standard: usual.exampleLimit,
        in: 1...1_000_000)
    static let resume = Option.flag("resume", "Continue what the folder holds.")

    let name = "experiment"
    let summary = "Compare online steering, token tuning and representation tuning on a model."
    let details = """
        For each trait: the model as it is, steered online, tuned by the token loss, by the representation loss, by \
        both, and away from the direction, each in both directions and with several seeds; measured on held-out probes, \
        on probes of another form, on prose, and under later steering. Blocks, strengths and learning rates are chosen \
        on the trait's validation probes, under a bound on perplexity. The folder receives report.html and report.md with the \
        table and the verdicts, drawings as SVG, and every result as a JSON line.
        """
    let positionals = [Self.model]
    let options = Option.declared([
        Self.trait, Self.text, Self.ordinary, Self.output, Self.seeds, Self.textTokens,
        Self.epochs, Self.limit, ChatOptions.date, Self.resume,
    ])
    let groups = [OptionGroup(.atLeastOne, [Self.trait])]
    let examples = [
        Example(
            "Two traits may be given; `make experiment` runs those of samples/:",
            "rtedit experiment m.gguf --trait t.json --text a --ordinary-text b -o out")
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let folder = try arguments.outputPath(Self.output)
        var options = ExperimentOptions()
        options.seeds = try arguments.value(Self.seeds)
        options.textTokens = try arguments.value(Self.textTokens)
        options.epochs = try arguments.value(Self.epochs)
        options.exampleLimit = try arguments.value(Self.limit)
        let traits = try arguments.values(Self.trait).map { try Trait($0) }
        let continued = try Self.prepare(folder, for: traits, arguments)
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let renderer = try session.renderer()
        func tokens(_ option: Option) throws -> (file: String, [Int]) {
            let file = try arguments.text(option)
            return (
                file,
                renderer.tokenizer.encode(
                    try TextFile.read(file), addSpecial: false, parseSpecial: false)
            )
        }
        let (text, ordinary) = (try tokens(Self.text), try tokens(Self.ordinary))
        let clock = ContinuousClock.now
        var parts: [ExperimentPage] = []
        var claims: [JSONValue] = []
        var conditions: [JSONValue] = []
        for trait in traits {
            let path = "\(folder)/\(trait.name).jsonl"
            let experiment = try Experiment(
                trait: trait, base: session.checkpoint, renderer: renderer, text: text,
                ordinaryText: ordinary, options: options, resultsPath: path,
                continues: continued.contains(trait.name),
                kernel: BLASLibrary.kernelAndVersion, crew: session.crew
            ) { doing in
                let seconds = (ContinuousClock.now - clock) / .seconds(1)
                console.note("\(Quantity.fixed(seconds, 0)) s: \(doing)")
            }
            if let mixture = KernelMixture(experiment.kernels) {
                console.note("\(path): \(mixture.description)")
            }
            let outcome = try experiment.run()
            let part = ExperimentPage(outcome: outcome)
            parts.append(part)
            for drawing in part.drawings {
                try Self.write(drawing.content.text, to: "\(folder)/\(drawing.name)")
            }
            let figures = ExperimentJSON(outcome: outcome)
            claims += figures.claims
            conditions += figures.conditions
        }
        let page =
            "# Experiment on \(session.checkpoint.name)\n\n" + parts.map(\.markdown).joined()
        try Self.write(page, to: "\(folder)/report.md")
        let source = try PageSource(
            arguments, models: [("model", session.checkpoint)],
            files: [Self.trait, Self.text, Self.ordinary])
        try Self.write(
            ExperimentReport(model: session.checkpoint.name, parts: parts).html(source: source),
            to: "\(folder)/report.html")
        console.print(page)
        console.report(
            JSONObject([
                .init("output", .string(folder)), .init("claims", .array(claims)),
                .init("conditions", .array(conditions)),
            ]))
        return .done
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
