import Formats
import Transformer
import Tuning

/// `rtedit extract`
struct ExtractCommand: Command {
    static let model = Positional(
        "MODEL", "A GGUF file or a Hugging Face folder; none with --from-offsets.",
        isOptional: true)
    static let pairs = Option.value(
        "pairs", "FILE", "Contrast pairs: {\"positive\": X, \"negative\": X} a line.")
    static let personas = Option.value(
        "personas", "FILE",
        "System texts, {\"positive\": TEXT, \"negative\": TEXT} a line; pairs are made with --statements."
    )
    static let statements = Option.value(
        "statements", "FILE",
        "Probes: with a persona, the correct choice is the positive answer, another the negative one."
    )
    static let everyPersona = Option.flag(
        "every-persona", "Combine each statement with all personas; else they are taken in turn.")
    static let inCharacter = Option.flag(
        "in-character", "Keep only pairs that the model itself answers in character.")
    static let output = Option.value(
        "output", "FILE", short: "o", "The vector file to write.", isRequired: true)
    static let method = Knob.choice(
        "method", "NAME", "How the direction is found.", standard: ExtractionMethod.mean)
    /// Nil: the best one.
    static let token = Knob<Position?>(
        "token", "WHICH", "The token compared: \(Self.positions), or best (with --offsets).",
        standard: .index(-1), text: "last"
    ) { text throws(Misread) in
        if text == "best" { return nil }
        guard let position = Position(text) else {
            throw Misread(text: text, expected: "one of \(positions), best")
        }
        return position
    }
    static let offsets = Knob<Int?>.integer(
        "offsets", "N", "Look at each of the last N tokens, and show how well each separates.",
        in: 1...100_000)
    static let allOffsets = Option.value(
        "all-offsets", "FILE", "Also store the directions of all --offsets, as safetensors.")
    static let fromOffsets = Option.value(
        "from-offsets", "FILE", "Take the direction of --token from a file of --all-offsets.")
    static let site = Knob.choice("site", "SITE", "Where in the block.", standard: Site.residPost)
    static let blocks = Knob.blocks("blocks", "BLOCKS", "Only these blocks, such as 8,10-12.")
    static let chat = Option.flag("chat", "Take plain strings as a user's turn.")
    static let projectOut = Option.list(
        "project-out", "SPEC", "Take a vector's direction out of what is found: FILE[@BLOCKS].")
    static let normalize = Knob.choice(
        "normalize", "HOW", "Length of the directions: as found, or 1.",
        standard: Normalization.none)
    static let limit = Knob<Int?>.integer(
        "limit", "N", "Use the first N pairs only.", in: 1...Int.max)

    private static let positions =
        "last, mean, prompt, completion (means over spans), before-completion:N, an index"

    let name = "extract"
    let summary = "Find a behaviour direction in every block from contrast pairs."
    let details = """
        X is a string, or {"system":…,"user":…,"assistant":…} rendered with the model's chat template. Methods: \
        mean is the mean difference of the two sides; pca the first principal component of the differences; \
        pca-centered the same about their mean, as repeng has it; logistic the normal of a logistic regression; latent \
        the mean difference of vectors that make the model write the sides' texts: plain ones, or the assistant's.

        The table tells how well each block's direction separates pairs it was not made from (five-fold \
        cross-validation, pairs of one line held out together): pairs ordered rightly, area under the ROC curve, \
        Cohen's d, which is drawn. --token best is the offset whose best block has the largest area, then the largest d.

        At the end stand the blocks and the strength to try first, as a SPEC: the block that separates best with the \
        neighbours that do nearly as well, pushed by 15 % of the stream's length in all; or that no block separates, \
        where chance would order as many pairs rightly.

        Pairs whose sides are the same tokens are told and left out, and a direction no longer than rounding can make \
        it is refused.

        In character is a pair if under each side's own turns the model gives that side's answer a higher log \
        probability than the other's. What is projected out is taken away block by block, before normalisation.
        """
    let positionals = [Self.model]
    let options =
        Option.declared([
            Self.pairs, Self.personas, Self.statements, Self.everyPersona, Self.inCharacter,
            Self.output, Self.method, Self.token, Self.offsets, Self.allOffsets, Self.fromOffsets,
            Self.site, Self.blocks, Self.chat, ChatOptions.date, Self.projectOut,
            SteeringOptions.convention, Self.normalize, Self.limit, LatentOptions.steps,
            LatentOptions.learningRate, LatentOptions.seed, LatentOptions.latents,
            ReportOption.report,
        ])
    let groups = [OptionGroup(.exactlyOne, [Self.pairs, Self.personas, Self.fromOffsets])]
    let examples = [
        Example(
            "A vector for every block:", "rtedit extract model.gguf --pairs mood.jsonl -o mood.gguf"
        ),
        Example(
            "As repeng makes them:",
            "rtedit extract m.gguf --pairs p.jsonl -o v.gguf --method pca-centered"
        ),
        Example(
            "From personas and statements:",
            "rtedit extract m.gguf --personas p.jsonl --statements s.jsonl -o v.gguf"
        ),
        Example(
            "At the best of the last 22 tokens:",
            "rtedit extract m.gguf --pairs p.jsonl --offsets 22 --token best -o v.gguf"
        ),
        Example(
            "Another token, from what --all-offsets has stored:",
            "rtedit extract --from-offsets all.safetensors --token -5 -o v5.gguf"
        ),
        Example(
            "From sentences alone, one cheerful and one gloomy a line:",
            "rtedit extract m.gguf --pairs s.jsonl --method latent --blocks 10 -o v.gguf"),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let output = try arguments.outputPath(Self.output)
        try VectorCall.checkName(output, place: Self.output.flagText)
        try AtomicFile.checkTarget(output, replacing: arguments.replacesOutputs)
        if let path = arguments.textIfGiven(Self.fromOffsets) {
            return try take(from: path, output: output, arguments, console)
        }
        try check(arguments)
        _ = try ReportOption.path(arguments)
        for option in [Self.allOffsets, LatentOptions.latents] {
            guard let path = try arguments.outputPathIfGiven(option) else { continue }
            try AtomicFile.checkTarget(path, replacing: arguments.replacesOutputs)
        }
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let call = ExtractCall(
            arguments: arguments, console: console, session: session,
            renderer: try session.renderer())
        if try arguments.value(Self.method) == .latent {
            try call.runLatent(output: output)
        } else {
            try call.run(output: output)
        }
        return .done
    }

    /// Writes the vector of an offset that was found before.
    private func take(
        from path: String, output: String, _ arguments: ParsedArguments, _ console: Console
    ) throws -> ExitCode {
        let others = options.filter {
            ![Self.fromOffsets, Self.token.option, Self.output].map(\.name).contains($0.name)
        }
        if let other = others.first(where: arguments.isGiven) {
            throw UsageError.conflict([Self.fromOffsets.flagText, other.flagText])
        }
        if let model = arguments.textIfGiven(Self.model) { throw UsageError.extraArgument(model) }
        guard case .index(let offset)? = try arguments.value(Self.token), offset < 0 else {
            throw arguments.invalid(
                Self.token.option, try arguments.text(Self.token.option),
                "a token counted from the end, such as -5")
        }
        let vector = try OffsetFile.vector(at: offset, in: path)
        try VectorFile.write(vector, to: output, replacing: arguments.replacesOutputs)
        console.print("\(output): \(vector.blocks.count) directions of token \(offset)")
        console.report(
            JSONObject([
                .init("output", .string(output)), .init("token", .string(String(offset))),
                .init("blocks", .array(vector.blocks.map { .integer($0) })),
            ]))
        return .done
    }

    /// Options that make no sense alone.
    private func check(_ arguments: ParsedArguments) throws(UsageError) {
        let needs = [
            (Self.personas, Self.statements), (Self.statements, Self.personas),
            (Self.everyPersona, Self.personas), (Self.allOffsets, Self.offsets.option),
        ]
        for (option, needed) in needs
        where arguments.isGiven(option) && !arguments.isGiven(needed) {
            throw .missingOption(needed.flagText)
        }
        if try arguments.value(Self.token) == nil, !arguments.isGiven(Self.offsets) {
            throw .missingOption(Self.offsets.option.flagText)
        }
        try LatentOptions.check(arguments)
    }
}

/// One call of `extract` that runs a model.
struct ExtractCall {
    typealias Pair = (positive: TokenSequence, negative: TokenSequence)

    let arguments: ParsedArguments
    let console: Console
    let session: ModelSession
    let renderer: PromptRenderer

    func run(output: String) throws {
        let options = try options()
        let offsets = try arguments.value(ExtractCommand.offsets)
        let decoder = try session.decoder()
        let found = try pairs()
        let identical = try tellIdentical(sequences(of: found), at: options.position)
        let kept = try inCharacter(found, decoder)
        let prompts = try sequences(of: kept)
        let view = ExtractionView(console: console)
        let scan = try offsets.map { try self.scan($0, decoder, prompts, options) }
        if let scan, let path = arguments.textIfGiven(ExtractCommand.allOffsets) {
            try OffsetFile.write(scan, to: path, replacing: arguments.replacesOutputs)
        }
        if let scan { view.show(scan) }
        let extraction = try chosen(in: scan, decoder, prompts, options)
        try VectorFile.write(extraction.vector, to: output, replacing: arguments.replacesOutputs)
        let token = extraction.vector.provenance.token ?? ""
        let recommendation = recommendation(for: extraction, decoder, output)
        view.show(extraction, recommended: recommendation.blocks)
        tellKept(kept, of: found)
        console.print(
            "\(output): \(extraction.blocks.count) directions from "
                + "\(Quantity.count(extraction.pairCount, "pair")), "
                + "\(extraction.tokenCount) tokens" + (scan == nil ? "" : ", at token \(token)"))
        recommendation.show(on: console)
        try writePage(extraction, recommendation, scan)
        var report = report(extraction, read: found.count, identical: identical, output: output)
        report["recommendation"] = recommendation.json
        report["offsets"] = scan.map(ExtractionView.json)
        console.report(report)
    }

    func recommendation(
        for extraction: Extraction, _ decoder: Decoder, _ output: String
    ) -> RecommendationView {
        RecommendationView(
            extraction, blockCount: decoder.configuration.sizes.blockCount, output: output)
    }

    /// Writes the page that was asked for.
    func writePage(
        _ extraction: Extraction, _ recommendation: RecommendationView, _ scan: OffsetScan?
    ) throws {
        guard let path = try ReportOption.path(arguments) else { return }
        let source = try PageSource(
            arguments, models: [("model", session.checkpoint)],
            files: [ExtractCommand.pairs, ExtractCommand.personas, ExtractCommand.statements],
            vectors: [ExtractCommand.projectOut])
        let page = ExtractionPage(
            extraction: extraction, recommendation: recommendation, scan: scan,
            model: session.checkpoint.path, source: source)
        try ReportOption.write(page.html, to: path, arguments, console)
    }

    func tellKept(_ kept: [ContrastPair], of found: [ContrastPair]) {
        guard kept.count < found.count || arguments.has(ExtractCommand.inCharacter) else { return }
        console.print("\(kept.count) of \(found.count) pairs are in character")
    }

    func report(
        _ extraction: Extraction, read: Int, identical: Int, output: String
    ) -> JSONObject {
        var report = JSONObject([
            .init("output", .string(output)), .init("pairs", .integer(extraction.pairCount)),
            .init("pairs_read", .integer(read)), .init("pairs_identical", .integer(identical)),
        ])
        report["token"] = extraction.vector.provenance.token.map { .string($0) }
        report["tokens"] = .integer(extraction.tokenCount)
        report["site"] = .string(extraction.vector.site.rawValue)
        report["method"] = extraction.vector.provenance.method.map { .string($0) }
        report["blocks"] = ExtractionView.json(extraction)
        report["rows"] = ExtractionView.pairRows(extraction)
        return report
    }

    // MARK: - Pairs

    func pairs() throws -> [ContrastPair] {
        var pairs: [ContrastPair]
        if let path = arguments.textIfGiven(ExtractCommand.pairs) {
            pairs = try ContrastPair.read(path)
        } else {
            pairs = try ContrastPair.pairs(
                personas: Persona.read(arguments.text(ExtractCommand.personas)),
                statements: Probe.read(arguments.text(ExtractCommand.statements)),
                everyPersona: arguments.has(ExtractCommand.everyPersona))
        }
        if let limit = try arguments.value(ExtractCommand.limit) {
            pairs = Array(pairs.prefix(limit))
        }
        return pairs
    }

    private func sequences(of pairs: [ContrastPair]) throws -> [Pair] {
        let asChat = arguments.has(ExtractCommand.chat)
        return try pairs.map { pair in
            (
                positive: try renderer.sequence(pair.positive, asChat: asChat, place: pair.place),
                negative: try renderer.sequence(pair.negative, asChat: asChat, place: pair.place)
            )
        }
    }

    /// Tells of pairs that cannot give a direction before the model runs.
    ///
    /// - Returns: how many there are.
    func tellIdentical(_ prompts: [Pair], at position: Position) throws -> Int {
        let identical = try Extraction.identicalPairs(prompts, at: position)
        if let first = identical.first, identical.count == prompts.count {
            throw ExtractionError.identicalPairs(
                pairs: prompts.count, position: position, place: prompts[first].positive.place)
        }
        if let first = identical.first {
            console.warning(
                "\(identical.count) of \(prompts.count) pairs have the same tokens on both sides up to "
                    + "the one compared (\(position.text)), the first at \(prompts[first].positive.place); "
                    + "they are left out")
        }
        return identical.count
    }

    func inCharacter(_ pairs: [ContrastPair], _ decoder: Decoder) throws -> [ContrastPair] {
        guard arguments.has(ExtractCommand.inCharacter) else { return pairs }
        let progress = console.progress(
            "judging", total: 4 * pairs.count, unit: .things("texts"))
        defer { progress.finish() }
        return try ContrastPair.inCharacter(pairs, decoder: decoder, renderer: renderer) {
            done, _ in
            progress.reach(done)
        }
    }

    // MARK: - Directions

    func options() throws -> Extraction.Options {
        let site = try arguments.value(ExtractCommand.site)
        try session.tellOtherBases(arguments.values(ExtractCommand.projectOut), console)
        let sizes = try session.checkpoint.hyperparameters()
        return Extraction.Options(
            method: try arguments.value(ExtractCommand.method),
            position: try arguments.value(ExtractCommand.token) ?? .index(-1), site: site,
            blocks: try arguments.value(ExtractCommand.blocks),
            normalization: try arguments.value(ExtractCommand.normalize),
            nuisance: try Nuisance(
                arguments.values(ExtractCommand.projectOut),
                convention: arguments.value(SteeringOptions.convention), site: site,
                hiddenSize: sizes.hiddenSize, blockCount: sizes.blockCount))
    }

    private func scan(
        _ count: Int, _ decoder: Decoder, _ prompts: [Pair], _ options: Extraction.Options
    ) throws -> OffsetScan {
        let progress = progress(prompts)
        defer { progress.finish() }
        return try OffsetScan(
            last: count, decoder: decoder, crew: session.crew, prompts: prompts, options: options,
            base: BaseIdentity(of: session.checkpoint)
        ) { done, _ in progress.reach(done) }
    }

    /// The extraction that --token asks for, which a scan has made already where it is one of its offsets.
    private func chosen(
        in scan: OffsetScan?, _ decoder: Decoder, _ prompts: [Pair], _ options: Extraction.Options
    ) throws -> Extraction {
        if let scan {
            if try arguments.value(ExtractCommand.token) == nil {
                guard let best = scan.best else { throw ExtractionError.nothingHeldOut }
                return best.extraction
            }
            if case .index(let offset) = options.position, let entry = scan[offset] {
                return entry.extraction
            }
        }
        let progress = progress(prompts)
        defer { progress.finish() }
        return try Extraction(
            decoder: decoder, crew: session.crew, prompts: prompts, options: options,
            base: BaseIdentity(of: session.checkpoint)
        ) { done, _ in progress.reach(done) }
    }

    private func progress(_ prompts: [Pair]) -> Progress {
        let total = prompts.reduce(0) { $0 + $1.positive.tokens.count + $1.negative.tokens.count }
        return console.progress("extracting", total: total, unit: .things("tokens"))
    }
}
