import Formats
import Transformer
import Tuning

/// `rtedit scale`
struct ScaleCommand: Command {
    private static let standard = ScalingOptions()

    static let model = Positional("MODEL", "A GGUF file or a Hugging Face folder.")
    static let probe = Option.value(
        "probe", "FILE",
        "What is to become likelier, forced choices: {\"prompt\": X, \"choices\": [A, B], \"correct\": 0} a line.",
        isRequired: true)
    static let output = Option.value(
        "output", "FILE", short: "o", "The .safetensors file to write.", isRequired: true)
    static let text = Option.value(
        "text", "FILE",
        "Ordinary text that is to stay as it is; without it the probes' prompts stand in for it.")
    static let textTokens = Knob.integer(
        "text-tokens", "N", "Tokens of the text that are read.", standard: 1 << 16,
        in: ScalingOptions.windowLength...100_000_000)
    static let blocks = Knob.blocks("blocks", "BLOCKS", "Only these blocks, such as 8,10-12.")
    static let subLayers = Knob.choices(
        "sites", "NAMES", "Which sub-layers are scaled.", standard: standard.subLayers)
    static let margin = Knob.number(
        "margin", "M", "By how many nats the correct choice is to lead; with BETA -1, to lag.",
        standard: standard.margin, in: 0...1000)
    static let faithfulness = Knob.number(
        "faithfulness", "L", "The weight of KL(plain || scaled) in the loss.",
        standard: standard.faithfulness, in: 0...1_000_000)
    static let minimality = Knob.number(
        "minimality", "L", "The weight of the sum of |alpha| in the loss.",
        standard: standard.minimality, in: 0...1_000_000)
    static let steps = Knob.integer(
        "steps", "N", "Steps of learning.", standard: standard.steps, in: 1...1_000_000)
    static let learningRate = Knob.number(
        "learning-rate", "X", "Of AdamW; it falls to 0 in a straight line.",
        standard: standard.learningRate, in: 0...10)
    static let batch = Knob.integer(
        "batch", "N", "Probes of a step.", standard: standard.batch, in: 1...100_000)
    static let seed = Knob.integer(
        "seed", "N", "Decides which probes are kept from learning, and the order.", standard: 0)

    let name = "scale"
    let summary = "Learn by how much to scale what sub-layers add to the stream, to steer so."
    let details = """
        Activation scaling (arXiv 2410.04962): what a sub-layer adds to the stream, y, becomes (1 + BETA x alpha) y. One \
        alpha for each block's attention and feed-forward part is learned, the model itself stays as it is: with BETA 1 the \
        correct choice is to lead by the margin that eval measures, with BETA -1 to lag by it (effectiveness, a hinge), \
        predictions of ordinary text are to stay (faithfulness), and the alphas small, most of them 0 (minimality).

        A quarter of the probes and of the text is kept from learning, by lot; the table is measured on it.
        """
    let positionals = [Self.model]
    let options = Option.declared([
        Self.probe, Self.output, Self.text, Self.textTokens, Self.blocks, Self.subLayers,
        Self.margin, Self.faithfulness, Self.minimality, Self.steps, Self.learningRate, Self.batch,
        Self.seed, EvalCommand.chat, ChatOptions.date,
    ])
    let examples = [
        Example(
            "A mood, from choices and ordinary text:",
            "rtedit scale m.gguf --probe p.jsonl --text t.txt -o mood.safetensors"),
        Example(
            "Its opposite while the model runs:",
            "rtedit generate m.gguf --prompt Hello --scaling mood.safetensors:-1"),
        Example(
            "Made permanent:", "rtedit bake m.gguf cheerful.gguf --scaling mood.safetensors"),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool { true }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let options = try Self.options(arguments)
        let output = try arguments.outputPath(Self.output)
        try AtomicFile.checkTarget(output, replacing: arguments.replacesOutputs)
        let path = try arguments.text(Self.probe)
        let probes = try Probe.read(path)
        guard probes.count >= ScalingOptions.fewestProbes else {
            throw ScalingError.fewProbes(
                file: path, count: probes.count, needed: ScalingOptions.fewestProbes)
        }
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let renderer = try session.renderer()
        let decoder = try session.decoder()
        let asChat = arguments.has(EvalCommand.chat)
        let split = ScalingSplit(
            of: probes.count, seed: options.seed, stream: ScalingSplit.probes)
        let kept = split.heldOut.map { probes[$0] }
        let windows = try Self.windows(arguments, renderer, options.seed)
        let training = try ScalingTraining(
            decoder, file: session.checkpoint.path,
            probes: ScalingProbe.rendered(
                split.learned.map { probes[$0] }, renderer: renderer, asChat: asChat),
            texts: windows?.learned ?? [], options: options, crew: session.crew)
        let alphas = try Self.learn(training, options, console)
        var scaling = ActivationScaling(
            blockCount: decoder.configuration.sizes.blockCount, places: training.places,
            alphas: alphas, base: try BaseIdentity(of: session.checkpoint))
        let measuring = console.progress("measuring", total: 3, unit: .things("betas"))
        let measurement = try ScalingMeasurement(
            scaling, probes: kept,
            texts: windows?.kept
                ?? kept.map { try renderer.tokens($0.prompt, asChat: asChat, place: $0.place) },
            decoder: decoder, renderer: renderer, asChat: asChat
        ) { done, _ in measuring.reach(done) }
        measuring.finish()
        let view = ScalingView(
            scaling: scaling, measurement: measurement, placeCount: training.places.count,
            texts: windows == nil ? "their prompts" : "text kept from learning")
        scaling.notes = try Self.notes(arguments, options, view)
        try ScalingFile.write(scaling, to: output, replacing: arguments.replacesOutputs)
        view.show(on: console)
        console.print("\(output): alphas of \(scaling.blockCount) blocks")
        console.report(
            JSONObject(
                [.init("output", .string(output))] + view.json
                    + [.init("held_out_probes", .array(split.heldOut.map { .integer($0) }))]))
        return .done
    }

    private static func options(_ arguments: ParsedArguments) throws(UsageError) -> ScalingOptions {
        if arguments.isGiven(textTokens), !arguments.isGiven(text) {
            throw .needs(option: textTokens.option.flagText, other: text.flagText)
        }
        var options = ScalingOptions()
        options.blocks = try arguments.value(blocks)
        options.subLayers = try arguments.value(subLayers)
        options.margin = try arguments.value(margin)
        options.faithfulness = try arguments.value(faithfulness)
        options.minimality = try arguments.value(minimality)
        options.steps = try arguments.value(steps)
        options.learningRate = try arguments.value(learningRate)
        options.batch = try arguments.value(batch)
        options.seed = UInt64(try arguments.value(seed))
        return options
    }

    private static func learn(
        _ training: ScalingTraining, _ options: ScalingOptions, _ console: Console
    ) throws -> [Float] {
        let progress = console.progress("learning", total: options.steps, unit: .things("steps"))
        defer { progress.finish() }
        let stride = max(1, options.steps / 10)
        return try training.run { step, losses in
            progress.reach(step + 1)
            guard step % stride == 0 || step == options.steps - 1 else { return }
            console.detail(
                "step \(step): loss \(Quantity.fixed(losses.total, 4)), effectiveness "
                    + "\(Quantity.fixed(losses.losses.effectiveness, 4)), KL "
                    + "\(Quantity.fixed(losses.losses.faithfulness, 5)), |alpha| "
                    + "\(Quantity.fixed(losses.size, 3)) in \(losses.nonZero)")
        }
    }

    /// Windows of the text, those that are learned from and those that are kept.
    private static func windows(
        _ arguments: ParsedArguments, _ renderer: PromptRenderer, _ seed: UInt64
    ) throws -> (learned: [[Int]], kept: [[Int]])? {
        guard let path = arguments.textIfGiven(text) else { return nil }
        let limit = try arguments.value(textTokens)
        let tokens = renderer.tokenizer.encode(try TextFile.read(path)).prefix(limit)
        let length = ScalingOptions.windowLength
        let count = tokens.count / length
        guard count >= 2 else {
            throw ScalingError.shortText(file: path, tokens: tokens.count, needed: 2 * length)
        }
        let all = (0..<count).map { Array(tokens[$0 * length..<($0 + 1) * length]) }
        let split = ScalingSplit(of: count, seed: seed, stream: ScalingSplit.texts)
        return (split.learned.map { all[$0] }, split.heldOut.map { all[$0] })
    }

    private static func notes(
        _ arguments: ParsedArguments, _ options: ScalingOptions, _ view: ScalingView
    ) throws -> [String: String] {
        let path = try arguments.text(probe)
        let hash = try MappedFile(path: path).sha256()
        return [
            "method": "activation scaling (arXiv 2410.04962)",
            "probe": "\(path.split(separator: "/").last ?? "") (SHA-256 \(hash))",
            "loss": "margin \(options.margin), faithfulness \(options.faithfulness), minimality "
                + "\(options.minimality)",
            "training": "\(options.steps) steps of \(options.batch), learning rate "
                + "\(options.learningRate), seed \(options.seed)",
            "result": view.summary,
        ]
    }
}
