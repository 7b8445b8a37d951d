import Formats
import Transformer
import Tuning

/// `rtedit extract`
struct ExtractCommand: Command {
    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let pairs = Option.value(
        "pairs", "FILE", "Contrast pairs: {\"positive\": X, \"negative\": X} a line.",
        isRequired: true)
    static let output = Option.value(
        "output", "FILE", short: "o", "The vector file to write.", isRequired: true)
    static let method = Option.value(
        "method", "NAME", "How the direction is found.", standard: ExtractionMethod.mean.rawValue,
        allowed: ExtractionMethod.allCases.map(\.rawValue))
    static let token = Option.value(
        "token", "WHICH", "The token compared: \(Self.positions).",
        standard: "last")
    private static let positions =
        "last, mean, prompt, completion (means over spans), before-completion:N, or an index"
    static let site = Option.value(
        "site", "SITE", "Where in the block.", standard: Site.residPost.rawValue,
        allowed: Site.allCases.map(\.rawValue))
    static let blocks = Option.value("blocks", "BLOCKS", "Only these blocks, such as 8,10-12.")
    static let chat = Option.flag("chat", "Take plain strings as a user's turn.")
    static let normalize = Option.value(
        "normalize", "HOW", "Length of the directions: as found, or 1.",
        standard: Extraction.Normalization.none.rawValue,
        allowed: Extraction.Normalization.allCases.map(\.rawValue))
    static let limit = Option.value("limit", "N", "Use the first N pairs only.")

    let name = "extract"
    let summary = "Find a behaviour direction in every block from contrast pairs."
    let details = """
        X is a string, or {"system":…,"user":…,"assistant":…} rendered with the model's chat template. Methods: \
        mean is the mean difference of the two sides; pca the first principal component of the differences; \
        pca-centered the same about their mean, as repeng has it; logistic the normal of a logistic regression.

        The table tells how well each block's direction separates pairs it was not made from (five-fold \
        cross-validation): pairs ordered rightly, area under the ROC curve, Cohen's d.
        """
    let positionals = [Self.model]
    let options = [
        Self.pairs, Self.output, Self.method, Self.token, Self.site, Self.blocks, Self.chat,
        Self.normalize, Self.limit,
    ]
    let examples = [
        Example(
            "A vector for every block:", "rtedit extract model.gguf --pairs mood.jsonl -o mood.gguf"
        ),
        Example(
            "As repeng makes them:",
            "rtedit extract m.gguf --pairs p.jsonl -o v.gguf --method pca-centered"
        ),
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let output = try arguments.text(Self.output)
        try AtomicFile.checkTarget(output, replacing: arguments.replacesOutputs)
        let options = try options(arguments)
        var pairs = try ContrastPair.read(arguments.text(Self.pairs))
        if let limit = try arguments.integerIfGiven(Self.limit, in: 1...Int.max) {
            pairs = Array(pairs.prefix(limit))
        }
        let renderer = try session.renderer()
        let asChat = arguments.has(Self.chat)
        let prompts = try pairs.map { pair in
            (
                positive: try renderer.sequence(pair.positive, asChat: asChat, place: pair.place),
                negative: try renderer.sequence(pair.negative, asChat: asChat, place: pair.place)
            )
        }
        let total = prompts.reduce(0) { $0 + $1.positive.tokens.count + $1.negative.tokens.count }
        let progress = console.progress("extracting", total: total, unit: .things("tokens"))
        let extraction = try Extraction(
            decoder: session.decoder(), crew: session.crew, prompts: prompts, options: options,
            modelHint: session.checkpoint.requireArchitecture().name,
            baseHash: session.checkpoint.weightsHash()
        ) { done, _ in progress.reach(done) }
        progress.finish()
        try VectorFile.write(extraction.vector, to: output, replacing: arguments.replacesOutputs)
        show(extraction, pairs: pairs.count, output: output, on: console)
        return .done
    }

    private func options(_ arguments: ParsedArguments) throws -> Extraction.Options {
        let tokenText = try arguments.text(Self.token)
        guard let position = Position(tokenText) else {
            throw arguments.invalid(Self.token, tokenText, "one of \(Self.positions)")
        }
        var blocks: [Int]?
        if let text = arguments.textIfGiven(Self.blocks) {
            guard let parsed = BlockSet.parse(text) else {
                throw arguments.invalid(Self.blocks, text, "a list of blocks such as 8,10-12")
            }
            blocks = parsed
        }
        return Extraction.Options(
            method: try arguments.choice(Self.method, as: ExtractionMethod.self),
            position: position,
            site: try arguments.choice(Self.site, as: Site.self), blocks: blocks,
            normalization: try arguments.choice(Self.normalize, as: Extraction.Normalization.self))
    }

    private func show(_ extraction: Extraction, pairs: Int, output: String, on console: Console) {
        var table = Table([
            .right("block"), .right("length"), .right("stream"), .right("share"), .right("agree"),
            .right("pairs right"), .right("AUC"), .right("d"),
        ])
        for block in extraction.blocks {
            let heldOut = block.heldOut
            table.add(
                "\(block.block)", Quantity.fixed(block.length, 3),
                Quantity.fixed(block.activationNorm, 1),
                Quantity.percent(block.length / max(block.activationNorm, .leastNormalMagnitude)),
                Quantity.percent(block.signAgreement),
                heldOut.map { Quantity.percent($0.pairAccuracy) } ?? "-",
                heldOut.map { Quantity.fixed($0.areaUnderCurve, 3) } ?? "-",
                heldOut.map { Quantity.fixed($0.effectSize, 2) } ?? "-")
        }
        console.print(table)
        console.print(
            "\(output): \(extraction.blocks.count) directions from \(pairs) pairs, "
                + "\(extraction.tokenCount) tokens")
        console.report(
            JSONObject([
                .init("output", .string(output)), .init("pairs", .integer(pairs)),
                .init("tokens", .integer(extraction.tokenCount)),
                .init("blocks", .array(extraction.blocks.map { .object(Self.json($0)) })),
            ]))
    }

    private static func json(_ block: Extraction.BlockResult) -> JSONObject {
        var object = JSONObject([
            .init("block", .integer(block.block)), .init("length", .number(block.length)),
            .init("activation_norm", .number(block.activationNorm)),
            .init("sign_agreement", .number(block.signAgreement)),
        ])
        if let heldOut = block.heldOut {
            object["pair_accuracy"] = .number(heldOut.pairAccuracy)
            object["auc"] = .number(heldOut.areaUnderCurve)
            object["effect_size"] = .number(heldOut.effectSize)
        }
        return object
    }
}
