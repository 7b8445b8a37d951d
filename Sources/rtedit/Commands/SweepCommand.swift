import Formats
import Transformer
import Tuning

/// `rtedit sweep`
struct SweepCommand: Command {
    static let blocks = Option.list(
        "blocks", "SETS",
        "Sets of blocks, separated by spaces, such as '10-15 15-17 8,12'; 'each' for every block alone, 'all' for all "
            + "at once. Runs that cover all blocks if not given.")
    static let strengths = Option.value(
        "strengths", "LIST",
        "Multiples of the vector, or with % what they add in units of the stream's length: 0.5,1,-1 or 5%,10%. "
            + "5%,10%,20%,40% if not given, or 0.5,1,2,4 where the file has no norms.")
    static let prompts = Option.value(
        "prompts", "FILE",
        "Prompts, {\"prompt\": X} a line: their greedy answers under every steering, side by side.")
    static let maxTokens = Knob.integer(
        "max-tokens", "N", "Tokens of an answer to --prompts.", standard: 40, in: 1...100_000)

    let name = "sweep"
    let summary = "Try sets of blocks and strengths of a vector on a probe, as one table."
    let details = """
        Every steering is measured as eval measures: the probe's margin and accuracy with 95 % bootstrap intervals over \
        probes, the mean KL of the plain model's predictions from the steered one's, the perplexity. Blocks below the \
        first steered one are run once and kept, as in search, which looks for blocks and strengths by itself.

        What pushes the stream by 15 % of its length is a usual start. The best row is the one within --max-kl and \
        --max-perplexity that moves the probe most; it was chosen on the probes that it is reported on, which search \
        does not do. Ends with 1 where no row within the limits moves the probe the wanted way.
        """
    let positionals = [SearchCommand.model]
    let options = Option.declared([
        SearchCommand.vector, SearchCommand.probe, Self.blocks, Self.strengths, SearchCommand.text,
        SearchCommand.textTokens, Self.prompts, Self.maxTokens, SearchCommand.maxKL,
        SearchCommand.maxPerplexity, SearchCommand.objective, SearchCommand.opposite,
        EvalCommand.window, EvalCommand.stride, EvalCommand.chat, ChatOptions.date,
        SteeringOptions.convention, SteeringOptions.strict, SearchCommand.memory,
        ReportOption.report,
    ])
    let groups = [OptionGroup(.atLeastOne, [SearchCommand.vector])]
    let examples = [
        Example(
            "Where a mood acts, with answers to look at, as a page:",
            "rtedit sweep m.gguf --vector v.gguf --probe p.jsonl --report sweep.html"),
        Example(
            "Every block alone:",
            "rtedit sweep m.gguf --vector v.gguf --probe p.jsonl --blocks each"),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let options = try SearchCommand.limits(arguments)
        let report = try ReportOption.path(arguments)
        let (sets, strengths) = (try Self.sets(arguments), try Self.strengths(arguments))
        let probePath = try arguments.text(SearchCommand.probe)
        let probes = try Probe.read(probePath)
        guard !probes.isEmpty else { throw PromptError.noLines(file: probePath) }
        let prompts = try arguments.textIfGiven(Self.prompts).map { try Prompt.readFile($0) } ?? []
        let session = try ModelSession(arguments.text(SearchCommand.model), arguments, console)
        let files = try SearchCommand.vectors(arguments, session, console).vectors
        let grid = try SweepGrid(
            files: files, sets: sets.map { try Self.resolved($0, files: files) },
            strengths: strengths)
        let renderer = try session.renderer()
        let decoder = try session.decoder()
        let answers = try SteeredAnswers(
            prompts, renderer: renderer, decoder: decoder, asChat: options.asChat,
            maximumTokens: arguments.value(Self.maxTokens))
        let text = try SearchCommand.text(arguments, renderer, decoder)
        let progress = console.progress(
            "sweeping", total: grid.points.count, unit: .things("steerings"))
        let search = try Search(
            vectors: grid.vectors, base: session.checkpoint, decoder: decoder, renderer: renderer,
            probes: probes, split: ProbeSplit(all: probes.count), text: text, options: options,
            inputs: JSONObject(), resultsPath: nil, continues: false,
            kernel: BLASLibrary.kernelAndVersion, report: { console.detail($0) },
            advance: { progress.reach($0) })
        let sweep = try search.sweep(grid)
        progress.finish()
        let view = SweepView(
            sweep, model: session.checkpoint, hasText: text != nil, prompts: answers.texts,
            answers: try Self.answers(answers, of: sweep, console))
        view.show(on: console)
        if let report {
            let source = try PageSource(
                arguments, models: [("model", session.checkpoint)],
                files: [SearchCommand.probe, SearchCommand.text, Self.prompts],
                vectors: [SearchCommand.vector])
            try ReportOption.write(
                SweepPage(view: view, source: source).html, to: report, arguments, console)
        }
        var json = view.json
        json["report"] = report.map { .string($0) } ?? .null
        console.report(json)
        return sweep.best == nil ? .checkFailed : .done
    }

    /// The plain answers, and those of every row.
    private static func answers(
        _ answers: SteeredAnswers, of sweep: Sweep, _ console: Console
    ) throws -> [[String]] {
        guard !answers.texts.isEmpty else { return [] }
        let all = [[]] + sweep.rows.map { $0.trial.point.interventions(in: sweep.vectors) }
        let progress = console.progress(
            "answering", total: all.count * answers.texts.count, unit: .things("answers"))
        defer { progress.finish() }
        var done = 0
        return try all.map { interventions in
            try answers.answers(steeredBy: interventions) {
                done += 1
                progress.reach(done)
            }
        }
    }

    // MARK: - Lists

    /// A set of blocks as a call names it.
    private enum Blocks {
        case set([Int])
        case each
        case all
    }

    private static func sets(_ arguments: ParsedArguments) throws(UsageError) -> [Blocks]? {
        let words = arguments.values(blocks).flatMap { $0.split(separator: " ").map(String.init) }
        guard arguments.isGiven(blocks) else { return nil }
        var sets: [Blocks] = []
        for word in words {
            switch word {
            case "each": sets.append(.each)
            case "all": sets.append(.all)
            default:
                guard let set = BlockSet.parse(word) else {
                    throw arguments.invalid(
                        blocks, word, "a set of blocks such as 8,10-12, 'each' or 'all'")
                }
                sets.append(.set(set))
            }
        }
        guard !sets.isEmpty else {
            throw arguments.invalid(blocks, "", "sets of blocks such as '10-15 15-17'")
        }
        return sets
    }

    /// The sets, each once, where 'each' and 'all' mean the blocks that every file has.
    private static func resolved(_ sets: [Blocks], files: [SearchVector]) throws -> [[Int]] {
        let shared = files.dropFirst().reduce(Set(files.first?.blocks ?? [])) {
            $0.intersection($1.blocks)
        }.sorted()
        var resolved: [[Int]] = []
        for set in sets {
            let found: [[Int]] =
                switch set {
                case .set(let blocks): [blocks]
                case .each: shared.map { [$0] }
                case .all: [shared]
                }
            resolved += found.filter { !$0.isEmpty && !resolved.contains($0) }
        }
        return resolved
    }

    private static func strengths(
        _ arguments: ParsedArguments
    ) throws(UsageError) -> [SweepGrid.Strength]? {
        guard let text = arguments.textIfGiven(strengths) else { return nil }
        var found: [SweepGrid.Strength] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let word = part.filter { $0 != " " }
            let isPush = word.hasSuffix("%")
            guard let number = Double(isPush ? String(word.dropLast()) : word), number.isFinite,
                number != 0, (1e-6...1e6).contains(abs(number))
            else {
                throw arguments.invalid(
                    strengths, String(part),
                    "a number from 1e-6 to 1e6 without its sign, or such a number with %")
            }
            let strength: SweepGrid.Strength = isPush ? .push(number / 100) : .multiple(number)
            if !found.contains(strength) { found.append(strength) }
        }
        return found
    }
}
