import Formats
import Transformer
import Tuning

/// `rtedit eval`
struct EvalCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let probe = Option.value(
        "probe", "FILE",
        "Forced choices: {\"prompt\": X, \"choices\": [A, B], \"correct\": 0} a line.")
    static let text = Option.value("text", "FILE", "Plain text, for the perplexity.")
    static let against = Option.value(
        "against", "MODEL2", "Also compare the predictions with those of this model, unsteered.")
    static let chat = Option.flag("chat", "Take plain strings of probes as a user's turn.")
    static let window = Knob<Int?>.integer(
        "window", "N", "Tokens of a window of text; 1024, or the model's context, if not given.")
    static let stride = Knob<Int?>.integer(
        "stride", "N", "Tokens from window to window; half a window if not given.")
    static let textTokens = Knob<Int?>.integer(
        "text-tokens", "N", "Tokens of the text that are read; all if not given.",
        in: 2...100_000_000)
    static let resamples = Knob.integer(
        "resamples", "N", "Resamples for the intervals.", standard: Bootstrap.standardResamples,
        in: 1...10_000_000)
    static let seed = Knob.integer("seed", "N", "Of the resampling.", standard: 0)

    let name = "eval"
    let summary = "Measure choices, perplexity, and the distance to another model."
    let details = """
        Probes: the margin is the log probability of the correct completion less that of the likeliest other one, in \
        nats. X is a string, or {"system":…,"user":…,"assistant":…} rendered with the model's chat template.

        Text: perplexity in overlapping windows, as the Hugging Face guide has it: the tokens that a window shares with \
        the one before are context only, and the text's first token is not predicted. A beginning-of-text token is \
        added only if the tokenizer adds one.

        --against: KL(MODEL2 || MODEL) of the next token at every predicted position of the text, or after every token \
        of the probes' prompts. Tokens are MODEL's; both must have the same vocabulary. Steering acts on MODEL alone.

        Intervals are 95 % percentile bootstrap, over probes or over windows.
        """
    let positionals = [Self.model]
    let options =
        Option.declared([
            Self.probe, Self.text, Self.against, Self.chat, ChatOptions.date, Self.window,
            Self.stride, Self.textTokens,
        ])
        + SteeringOptions.all
        + Option.declared([Self.resamples, Self.seed, ReportOption.report])
    let groups = [OptionGroup(.exactlyOne, [Self.probe, Self.text])]
    let examples = [
        Example(
            "A probe, steered:",
            "rtedit eval m.gguf --probe probe.jsonl --vector mood.gguf:-1@10-15"),
        Example("What tuning has cost:", "rtedit eval tuned.gguf --text book.txt --against m.gguf"),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let bootstrap = Bootstrap(
            resamples: try arguments.value(Self.resamples),
            seed: UInt64(try arguments.value(Self.seed)))
        let report = try ReportOption.path(arguments)
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        var call = EvaluationCall(
            arguments: arguments, console: console, session: session,
            decoder: try session.decoder(), renderer: try session.renderer(),
            interventions: try SteeringOptions.interventions(
                arguments, on: session, console),
            view: EvaluationView(console: console, bootstrap: bootstrap),
            page: EvaluationPage(
                model: session.checkpoint.path,
                steering: SteeringOptions.files.flatMap { arguments.values($0) },
                bootstrap: bootstrap))
        let members =
            if let path = arguments.textIfGiven(Self.probe) {
                try call.probe(path)
            } else {
                try call.text(arguments.text(Self.text))
            }
        if let report {
            try ReportOption.write(
                call.page.html(source: call.source()), to: report, arguments, console)
        }
        console.report(JSONObject(members))
        return .done
    }
}

extension [Int] {
    /// The first tokens; all where there is no limit.
    fileprivate func cut(to limit: Int?) -> [Int] { limit.map { Array(prefix($0)) } ?? self }
}

/// One call of `eval`, opened.
private struct EvaluationCall {
    let arguments: ParsedArguments
    let console: Console
    let session: ModelSession
    let decoder: Decoder
    let renderer: PromptRenderer
    let interventions: [Intervention]
    let view: EvaluationView
    /// What was found until now.
    var page: EvaluationPage
    private var other: ModelSession?

    init(
        arguments: ParsedArguments, console: Console, session: ModelSession, decoder: Decoder,
        renderer: PromptRenderer, interventions: [Intervention], view: EvaluationView,
        page: EvaluationPage
    ) {
        self.arguments = arguments
        self.console = console
        self.session = session
        self.decoder = decoder
        self.renderer = renderer
        self.interventions = interventions
        self.view = view
        self.page = page
    }

    /// What the page was made of.
    func source() throws -> PageSource {
        try PageSource(
            arguments,
            models: [("model", session.checkpoint)]
                + (other.map { [("against", $0.checkpoint)] } ?? []),
            files: [EvalCommand.probe, EvalCommand.text], vectors: SteeringOptions.files)
    }

    mutating func probe(_ path: String) throws -> [JSONObject.Member] {
        for option in [EvalCommand.window, EvalCommand.stride, EvalCommand.textTokens]
        where arguments.isGiven(option) {
            throw UsageError.conflict([EvalCommand.probe.flagText, option.option.flagText])
        }
        let probes = try Probe.read(path)
        let asChat = arguments.has(EvalCommand.chat)
        let other = try reference()
        let total = probes.reduce(0) { $0 + $1.choices.count }
        let progress = console.progress("probing", total: total, unit: .things("choices"))
        let result = try ProbeResult(
            probes, decoder: decoder, renderer: renderer, asChat: asChat,
            interventions: interventions
        ) { done, _ in progress.reach(done) }
        progress.finish()
        page.probes = (probes, result)
        let members = view.show(result)
        guard let other else { return members }
        let prompts = try probes.map {
            try renderer.tokens($0.prompt, asChat: asChat, place: $0.place)
        }
        let comparing = console.progress(
            "comparing", total: prompts.count, unit: .things("prompts"))
        let divergence = try Divergence(
            from: other.decoder, to: decoder, prompts: prompts, interventions: interventions
        ) { done, _ in comparing.reach(done) }
        comparing.finish()
        page.divergence = (divergence, other.path)
        return members + view.show(divergence, against: other.path)
    }

    mutating func text(_ path: String) throws -> [JSONObject.Member] {
        if arguments.has(EvalCommand.chat) {
            throw UsageError.conflict([EvalCommand.text.flagText, EvalCommand.chat.flagText])
        }
        let windows = try SlidingWindows(
            length: arguments.value(EvalCommand.window),
            stride: arguments.value(EvalCommand.stride),
            limit: decoder.configuration.positionLimit)
        let limit = try arguments.value(EvalCommand.textTokens)
        let tokens = renderer.tokenizer.encode(try TextFile.read(path)).cut(to: limit)
        let other = try reference()
        let count = windows.windows(over: tokens.count).count
        let progress = console.progress("reading", total: count, unit: .things("windows"))
        let result = try Perplexity(
            of: tokens, windows: windows, decoder: decoder, interventions: interventions
        ) { done, _ in progress.reach(done) }
        progress.finish()
        page.perplexity = (result, windows)
        let members = view.show(result, windows: windows)
        guard let other else { return members }
        let comparing = console.progress("comparing", total: count, unit: .things("windows"))
        let divergence = try Divergence(
            from: other.decoder, to: decoder, text: tokens, windows: windows,
            interventions: interventions
        ) { done, _ in comparing.reach(done) }
        comparing.finish()
        page.divergence = (divergence, other.path)
        return members + view.show(divergence, against: other.path)
    }

    /// The model to compare with, if one is asked for, with the vocabulary checked before anything is computed.
    private mutating func reference() throws -> (path: String, decoder: Decoder)? {
        guard let path = arguments.textIfGiven(EvalCommand.against) else { return nil }
        let other = try ModelSession(path, arguments, console, crew: session.crew)
        self.other = other
        let decoder = try other.decoder()
        try Divergence.checkVocabularies(model: self.decoder, other: decoder)
        if path.hasSuffix(".safetensors") {
            console.note(
                "\(path): has no tokenizer of its own; only the vocabularies' sizes were compared")
        } else {
            try Divergence.checkVocabularies(
                model: session.checkpoint.tokenizer(), other: other.checkpoint.tokenizer())
        }
        return (path, decoder)
    }
}
