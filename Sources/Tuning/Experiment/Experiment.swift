package import Formats
import Glibc
import Transformer

/// Compares ways of giving a model a trait: steering it online, and tuning it with a token loss, a representation loss,
/// both, or away from the trait's direction (arXiv 2409.06927).
///
/// Blocks, strengths and learning rates are chosen on the trait's validation set, under a bound on perplexity; the
/// held-out sets are read afterwards. Every result goes to a file as soon as it is there, and an experiment that was
/// interrupted continues where it was.
package final class Experiment {
    /// What an experiment found.
    package struct Outcome: Sendable {
        package let trait: Trait
        package let choices: Choices
        package let records: [ExperimentRecord]
    }

    private let trait: Trait
    private let options: ExperimentOptions
    private let base: Checkpoint
    private let renderer: PromptRenderer
    private let crew: WorkCrew
    private let decoder: Decoder
    /// Its lowest block that is run is the first of the blocks to choose from, later of those chosen.
    private var evaluator: ModelEvaluator
    private let textWindows: [[Int]]
    private let validationWindows: [[Int]]
    private var results: ResultsFile
    private let report: (String) -> Void

    /// Memory for outputs of blocks that all models share.
    private static let prefixBytes = 2 << 30

    /// - Parameters:
    ///   - text: the tokens that perplexity is measured on.
    ///   - ordinaryText: other text, which bounds the choices.
    ///   - resultsPath: the file that results are kept in.
    ///   - continues: whether the file's experiment is continued.
    ///   - kernel: what multiplies matrices, which decides the last bits.
    ///   - report: called with what is being done.
    /// - Throws: `ExperimentError`; what opening the model throws.
    package init(
        trait: Trait, base: Checkpoint, renderer: PromptRenderer, text: (file: String, [Int]),
        ordinaryText: (file: String, [Int]), options: ExperimentOptions, resultsPath: String,
        continues: Bool, kernel: String, crew: WorkCrew, report: @escaping (String) -> Void
    ) throws {
        self.trait = trait
        self.options = options
        self.base = base
        self.renderer = renderer
        self.crew = crew
        self.report = report
        decoder = try Decoder(checkpoint: base, crew: crew)
        let blockCount = decoder.configuration.sizes.blockCount
        evaluator = ModelEvaluator(
            base: decoder,
            firstBlock: options.blockChoices(of: blockCount).map(\.lowerBound).min() ?? 0,
            byteLimit: Self.prefixBytes)
        textWindows = try Self.windows(text, options.textTokens, options.windowTokens)
        validationWindows = try Self.windows(
            ordinaryText, options.validationTextTokens, options.windowTokens)
        var identity = JSONObject([
            .init("model", .string(try base.weightsHash())),
            .init("trait", .array(trait.fileHashes.map { .string($0) })),
            .init("text", .string(Self.hash(textWindows + validationWindows))),
            .init("options", .string("\(options)")),
        ])
        identity["date"] = renderer.dayOfTurns.map { .string($0) }
        results = try ResultsFile(
            path: resultsPath, identity: identity, kernel: kernel, isNew: !continues)
    }

    /// The kernels that the results were and will be made with, each once, in the order of their first use. Where they are
    /// several, results may differ in the last bits from those of an experiment of one.
    package var kernels: [String] { results.kernels }

    private static func hash(_ windows: [[Int]]) -> String {
        var hash = SHA256()
        windows.flatMap { $0 }.withUnsafeBytes { hash.update($0) }
        return hash.hexDigest()
    }

    /// Windows of so many tokens, at least as many as are wanted.
    private static func windows(
        _ text: (file: String, tokens: [Int]), _ wanted: Int, _ length: Int
    ) throws(ExperimentError) -> [[Int]] {
        let count = (wanted + length - 1) / length
        guard text.tokens.count >= count * length else {
            throw .shortText(
                file: text.file, tokens: text.tokens.count, needed: count * length)
        }
        return (0..<count).map { Array(text.tokens[($0 * length)..<(($0 + 1) * length)]) }
    }

    // MARK: - The whole

    /// Runs the experiment, or what is left of it.
    ///
    /// - Throws: what extraction, tuning and the decoder throw; file errors.
    package func run() throws -> Outcome {
        let directions = try direction()
        let training = try questions(trait.train)
        let choices = try choose(directions, training, trainer(directions))
        evaluator = ModelEvaluator(
            base: decoder, firstBlock: choices.blocks.lowerBound, byteLimit: Self.prefixBytes)
        let trainer = trainer(directions)
        let runs = Condition.all.flatMap { condition in
            (0..<(condition.isTuned ? options.seeds : 1)).map { (condition, $0) }
        }
        let records = try runs.enumerated().map { index, run in
            try record(
                run.0, seed: run.1, place: "run \(index + 1) of \(runs.count)", choices,
                directions, training, trainer)
        }
        return Outcome(trait: trait, choices: choices, records: records)
    }

    private func trainer(_ directions: [Int: [Float]]) -> ExperimentTraining {
        ExperimentTraining(
            base: base, prefixes: evaluator.prefixes, directions: directions,
            position: trait.position, options: options, crew: crew)
    }

    /// The mean difference of the pairs, for every block.
    private func direction() throws -> [Int: [Float]] {
        report("\(trait.name): finding the direction")
        let step = max(1, trait.pairs.count / options.pairLimit)
        let chosen = trait.pairs.indices.filter { $0 % step == 0 }.prefix(options.pairLimit)
        let prompts = try chosen.map { index in
            let pair = trait.pairs[index]
            return (
                positive: try renderer.sequence(pair.positive, asChat: false, place: pair.place),
                negative: try renderer.sequence(pair.negative, asChat: false, place: pair.place)
            )
        }
        return try Extraction(
            decoder: decoder, crew: crew, prompts: prompts,
            options: Extraction.Options(position: trait.position),
            base: BaseIdentity(modelHint: base.requireArchitecture().name)
        ).vector.directions
    }

    private func questions(_ probes: [Probe]) throws -> [ModelEvaluator.Question] {
        try probes.map { try ModelEvaluator.Question($0, renderer) }
    }

    private func interventions(
        _ directions: [Int: [Float]], _ blocks: ClosedRange<Int>, strength: Double
    ) -> [Intervention] {
        blocks.compactMap { block in
            directions[block].map {
                Intervention(block: block, vector: $0, strength: Float(strength))
            }
        }
    }

    // MARK: - Choices

    /// How good a choice is on validation: the mean margin in the wanted direction, or nil where the model reads
    /// ordinary text too badly, or could not be tuned.
    ///
    /// - Parameter model: makes the model, and what steers it.
    private func score(
        _ key: String, isPositive: Bool, _ validation: [ModelEvaluator.Question],
        _ model: () throws -> (Decoder, [Intervention])
    ) throws -> Double? {
        let untuned = try measured("validation untuned") {
            try validationJSON((decoder, []), validation)
        }
        let found = try measured("validation \(key)") {
            do {
                return try validationJSON(model(), validation)
            } catch ExperimentError.diverged(let fact) {
                return JSONObject([.init("diverged", .string(fact))])
            }
        }
        guard let limit = untuned["loss"]?.number, let loss = found["loss"]?.number,
            let margin = found["margin"]?.number,
            loss <= limit + log(options.perplexityLimit)
        else { return nil }
        return isPositive ? margin : -margin
    }

    private func validationJSON(
        _ model: (decoder: Decoder, steering: [Intervention]),
        _ validation: [ModelEvaluator.Question]
    ) throws -> JSONObject {
        let margins = try evaluator.margins(
            validation, of: model.decoder, steered: model.steering)
        let text = try evaluator.readText(
            validationWindows, by: model.decoder, steered: model.steering)
        let figures = [Statistics.mean(margins), Statistics.mean(text.losses)]
        // JSON has no number for what is not finite.
        guard figures.allSatisfy(\.isFinite) else { throw ExperimentError.notFinite }
        return JSONObject([
            .init("margin", .number(figures[0])), .init("loss", .number(figures[1])),
        ])
    }

    /// A result of the file, or a new one that is put there.
    private func measured(_ key: String, _ measure: () throws -> JSONObject) throws -> JSONObject {
        if let known = results[key] { return known }
        report("\(trait.name), choosing: \(key)")
        let found = try measure()
        try results.add(key, found)
        return found
    }

    private func choose(
        _ directions: [Int: [Float]], _ training: [ModelEvaluator.Question],
        _ trainer: ExperimentTraining
    ) throws -> Choices {
        let validation = try questions(
            Array(trait.validation.prefix(options.validationProbes)))
        let ranges = options.blockChoices(of: decoder.configuration.sizes.blockCount)
        // Online steering: the blocks by the sum of what both signs reach, the strength by each sign.
        var best: (blocks: ClosedRange<Int>, sum: Double, strengths: [Bool: Double])?
        for blocks in ranges {
            var (sum, strengths) = (0.0, [Bool: Double]())
            for isPositive in [true, false] {
                var (top, choice) = (-Double.infinity, options.strengths[0])
                for strength in options.strengths {
                    let signed = isPositive ? strength : -strength
                    let key = "online \(signed) blocks \(blocks.lowerBound)-\(blocks.upperBound)"
                    let found = try score(key, isPositive: isPositive, validation) {
                        (decoder, interventions(directions, blocks, strength: signed))
                    }
                    if let found, found > top { (top, choice) = (found, strength) }
                }
                sum += top
                strengths[isPositive] = choice
            }
            if best == nil || sum > best?.sum ?? 0 { best = (blocks, sum, strengths) }
        }
        let blocks = best?.blocks ?? ranges[0]
        var rates: [Condition.Method: Double] = [:]
        for method in [Condition.Method.token, .representation, .both] {
            rates[method] = try learningRate(for: method, blocks, training, validation, trainer)
        }
        rates[.away] = rates[.both]
        return Choices(blocks: blocks, strengths: best?.strengths ?? [:], learningRates: rates)
    }

    /// The learning rate with the best validation away from where the untuned model leans, the direction in which there
    /// is most to reach; the smallest where none keeps the bound on perplexity.
    private func learningRate(
        for method: Condition.Method, _ blocks: ClosedRange<Int>,
        _ training: [ModelEvaluator.Question], _ validation: [ModelEvaluator.Question],
        _ trainer: ExperimentTraining
    ) throws -> Double {
        // The untuned model's own margin, seen from the positive side.
        let lean = try score("untuned", isPositive: true, validation) { (decoder, []) }
        let condition = Condition(method, isPositive: lean ?? 0 < 0)
        var (best, choice) = (-Double.infinity, options.learningRates[0])
        for rate in options.learningRates {
            let key = "\(condition.name) rate \(rate)"
            let found = try score(key, isPositive: condition.isPositive, validation) {
                let model = try trainer.model(
                    for: condition, training, blocks: blocks, learningRate: rate, seed: 0)
                return (model.decoder, [])
            }
            if let found, found > best { (best, choice) = (found, rate) }
        }
        return choice
    }

    // MARK: - Measurements

    private func record(
        _ condition: Condition, seed: Int, place: String, _ choices: Choices,
        _ directions: [Int: [Float]],
        _ training: [ModelEvaluator.Question], _ trainer: ExperimentTraining
    ) throws -> ExperimentRecord {
        let key = ExperimentRecord.key(condition, seed: seed)
        if let known = results[key],
            let record = ExperimentRecord(known, condition: condition, seed: seed)
        {
            return record
        }
        var model = decoder
        if condition.isTuned {
            report("\(trait.name), \(place): tuning \(key)")
            model = try trainer.model(
                for: condition, training, blocks: choices.blocks,
                learningRate: choices.learningRates[condition.method] ?? options.learningRates[0],
                seed: UInt64(seed)
            ).decoder
        }
        report("\(trait.name), \(place): measuring \(key)")
        func steering(_ isPositive: Bool) -> [Intervention] {
            let strength = choices.strengths[isPositive] ?? 0
            return interventions(
                directions, choices.blocks, strength: isPositive ? strength : -strength)
        }
        let own = condition.method == .online ? steering(condition.isPositive) : []
        let heldOut = try questions(trait.heldOut)
        let steered = Array(heldOut.prefix(options.steeredProbes))
        let text = try evaluator.readText(
            windows(of: condition, seed: seed), by: model, steered: own)
        let (score, sample) = try freeText(of: model, own)
        let record = ExperimentRecord(
            condition: condition, seed: seed,
            heldOut: try evaluator.margins(heldOut, of: model, steered: own),
            unseenForm: try evaluator.margins(
                questions(trait.unseenForm), of: model, steered: own),
            steeredUp: try evaluator.margins(steered, of: model, steered: own + steering(true)),
            steeredDown: try evaluator.margins(steered, of: model, steered: own + steering(false)),
            textLosses: text.losses, divergence: text.divergence,
            cosines: try evaluator.cosines(
                steered.map(\.prompt), with: directions, at: trait.position, of: model,
                steered: own),
            freeTextScore: score, sample: sample)
        guard record.isFinite else { throw ExperimentError.notFinite }
        try results.add(key, record.json)
        return record
    }

    /// The windows a record reads: all, or this seed's part, so that a condition's seeds read all of them together.
    private func windows(of condition: Condition, seed: Int) -> [[Int]] {
        guard condition.isTuned else { return textWindows }
        return textWindows.indices.filter { $0 % options.seeds == seed }.map { textWindows[$0] }
    }

    /// Greedy answers to the first held-out prompts, scored by the lexicon.
    private func freeText(
        of model: Decoder, _ interventions: [Intervention]
    ) throws -> (score: Double?, sample: String) {
        var texts: [String] = []
        for probe in trait.heldOut.prefix(trait.lexicon == nil ? 1 : options.freeTexts) {
            var generator = try TextGenerator(
                model,
                options: .init(
                    maximumTokens: options.freeTokens,
                    stopTokens: renderer.tokenizer.endOfGeneration,
                    interventions: interventions))
            let prompt = try renderer.tokens(probe.prompt, place: probe.place)
            let result = try generator.generate(from: prompt) { _ in true }
            texts.append(renderer.tokenizer.decode(result.tokens))
        }
        let score = trait.lexicon.map { lexicon in
            Statistics.mean(texts.map(lexicon.score))
        }
        return (score, texts.first ?? "")
    }
}
