package import Formats
import Glibc
import Transformer

/// Compares ways of giving a model a trait: steering it online, and tuning it with a token loss, a representation loss,
/// both, or away from the trait's direction (arXiv 2409.06927).
///
/// All data are drawn at random from the whole of their sets. Blocks and learning rates are chosen on the trait's
/// validation set, and every condition's strength is brought to one perplexity of prose; the held-out sets are read
/// afterwards. Every result goes to a file as soon as it is there, and an experiment that was interrupted continues where
/// it was.
package final class Experiment {
    /// What an experiment found.
    package struct Outcome: Sendable {
        package let trait: Trait
        package let options: ExperimentOptions
        package let sample: ExperimentSample
        package let plan: ExperimentPlan
        package let choices: Choices
        package let records: [ExperimentRecord]
        /// What multiplied matrices, in the order of their first use.
        package let kernels: [String]
    }

    let trait: Trait
    let options: ExperimentOptions
    let sample: ExperimentSample
    let renderer: PromptRenderer
    let decoder: Decoder
    let text: ExperimentText
    /// Its lowest block that is run is the first of the blocks to choose from, later of those chosen.
    private(set) var evaluator: ModelEvaluator
    private let base: Checkpoint
    private let crew: WorkCrew
    private var results: ResultsFile
    let report: (String) -> Void

    /// Memory for outputs of blocks that all models share.
    private static let prefixBytes = 2 << 30

    /// - Parameters:
    ///   - texts: the files of prose, as tokens.
    ///   - resultsPath: the file that results are kept in.
    ///   - continues: whether the file's experiment is continued.
    ///   - version: of the program, which the file keeps.
    ///   - kernel: what multiplies matrices, which decides the last bits.
    ///   - report: called with what is being done.
    /// - Throws: `ExperimentError`; what opening the model throws.
    package init(
        trait: Trait, base: Checkpoint, renderer: PromptRenderer,
        texts: [(file: String, tokens: [Int])], options: ExperimentOptions, resultsPath: String,
        continues: Bool, version: String, kernel: String, crew: WorkCrew,
        report: @escaping (String) -> Void
    ) throws {
        self.trait = trait
        self.options = options
        self.base = base
        self.renderer = renderer
        self.crew = crew
        self.report = report
        sample = ExperimentSample(of: trait, options)
        decoder = try Decoder(checkpoint: base, crew: crew)
        let blockCount = decoder.configuration.sizes.blockCount
        evaluator = ModelEvaluator(
            base: decoder,
            firstBlock: options.recipe.blockChoices(of: blockCount).map(\.lowerBound).min() ?? 0,
            byteLimit: Self.prefixBytes)
        text = try ExperimentText(texts, options)
        var identity = JSONObject([
            .init("version", .string(version)),
            .init("model", .string(try base.weightsHash())),
            .init("trait", .array(trait.fileHashes.map { .string($0) })),
            .init("text", .string(text.hash)),
            .init("options", .string("\(options)")),
        ])
        identity["date"] = renderer.dayOfTurns.map { .string($0) }
        results = try ResultsFile(
            path: resultsPath, identity: identity, kernel: kernel, isNew: !continues)
    }

    /// The kernels that the results were and will be made with, each once, in the order of their first use. Where they are
    /// several, results may differ in the last bits from those of an experiment of one.
    package var kernels: [String] { results.kernels }

    // MARK: - The whole

    /// Runs the experiment, or what is left of it.
    ///
    /// - Parameter seconds: how long it may take; nil for as long as it needs. What the file's experiment left out for want
    ///   of time stays out unless a time is given again.
    /// - Throws: what extraction, tuning and the decoder throw; file errors.
    package func run(within seconds: Double?) throws -> Outcome {
        let directions = try direction()
        let validation = try questions(sample.validation)
        let untuned = try validated("untuned", validation, by: decoder)
        let plan = try plan(leansPositive: untuned > 0, within: seconds)
        let chooser = ExperimentChoice(
            experiment: self, directions: directions, validation: validation,
            leansPositive: untuned > 0)
        let choices = try chooser.choices(
            methods: Set(plan.runs.map(\.condition).filter(\.isTuned).map(\.method)))
        let measurement = try ExperimentMeasurement(
            experiment: self, directions: directions, choices: choices, hasDoses: plan.hasDoses,
            trainer: trainer(directions, validation))
        var records: [ExperimentRecord] = []
        for (index, run) in plan.runs.enumerated() {
            let key = ExperimentRecord.key(run.condition, seed: run.seed)
            if let known = results[key],
                let record = ExperimentRecord(known, condition: run.condition, seed: run.seed)
            {
                records.append(record)
                continue
            }
            report("\(trait.name), run \(index + 1) of \(plan.runs.count): \(key)")
            // The search for a strength begins where that of the seed before ended.
            let before = records.last { $0.condition == run.condition }
            let record = try measurement.record(run, guess: before?.strength)
            guard record.isFinite else { throw ExperimentError.notFinite }
            try results.add(key, record.json)
            records.append(record)
        }
        return Outcome(
            trait: trait, options: options, sample: sample, plan: plan, choices: choices,
            records: records, kernels: kernels)
    }

    /// From here on blocks below this one are the untuned model's in every model.
    func shareBlocks(below block: Int) {
        evaluator = ModelEvaluator(base: decoder, firstBlock: block, byteLimit: Self.prefixBytes)
    }

    func trainer(
        _ directions: [Int: [Float]], _ validation: [ModelEvaluator.Question]
    ) -> ExperimentTraining {
        ExperimentTraining(
            base: base, prefixes: evaluator.prefixes, directions: directions,
            position: trait.position, recipe: options.recipe, validation: validation, crew: crew)
    }

    /// A result of the file, or a new one that is put there.
    func measured(_ key: String, _ measure: () throws -> JSONObject) throws -> JSONObject {
        if let known = results[key] { return known }
        report("\(trait.name), choosing: \(key)")
        let found = try measure()
        try results.add(key, found)
        return found
    }

    // MARK: - Data

    /// The mean difference of the pairs, for every block.
    private func direction() throws -> [Int: [Float]] {
        report("\(trait.name): finding the direction from \(sample.pairs.count) pairs")
        let prompts = try sample.pairs.map { pair in
            (
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

    func questions(_ probes: [Probe]) throws -> [ModelEvaluator.Question] {
        try probes.map { try ModelEvaluator.Question($0, renderer) }
    }

    /// The training data of a run.
    func training(seed: Int) throws -> [ModelEvaluator.Question] {
        try questions(sample.training(seed: seed).map { trait.train[$0] })
    }

    func interventions(
        _ directions: [Int: [Float]], _ blocks: ClosedRange<Int>, strength: Double
    ) -> [Intervention] {
        blocks.compactMap { block in
            directions[block].map {
                Intervention(block: block, vector: $0, strength: Float(strength))
            }
        }
    }

    /// A model's mean margin on validation, toward the positive side, in nats.
    func validated(
        _ key: String, _ validation: [ModelEvaluator.Question], by model: Decoder,
        steered: [Intervention] = []
    ) throws -> Double {
        let found = try measured("validation \(key)") {
            let margin = Statistics.mean(
                try evaluator.margins(validation, of: model, steered: steered))
            // JSON has no number for what is not finite.
            guard margin.isFinite else { throw ExperimentError.notFinite }
            return JSONObject([.init("margin", .number(margin))])
        }
        guard let margin = found["margin"]?.number else { throw ExperimentError.notFinite }
        return margin
    }

    /// log(perplexity / the untuned model's) on the matching windows.
    func cost(of model: Decoder, steered: [Intervention]) throws -> Double {
        let untuned = try measured("matching untuned") {
            let losses = try evaluator.losses(text.matching, of: decoder)
            return JSONObject([.init("losses", .array(losses.map { .number($0) }))])
        }
        let before = untuned["losses"]?.array?.compactMap(\.number) ?? []
        let after = try evaluator.losses(text.matching, of: model, steered: steered)
        return Statistics.mean(zip(after, before).map { $0 - $1 })
    }

    // MARK: - Plan

    /// What is done: all, or as much as the time allows.
    private func plan(leansPositive: Bool, within seconds: Double?) throws -> ExperimentPlan {
        func plan(_ extent: ExperimentPlan.Extent) -> ExperimentPlan {
            ExperimentPlan(extent, leansPositive: leansPositive, options)
        }
        let known = results["plan"]?["extent"]?.integer.flatMap(ExperimentPlan.Extent.init)
        let cost = try cost()
        let rate = try tokensPerSecond()
        func time(_ plan: ExperimentPlan) -> Double {
            let done = plan.runs.filter {
                results[ExperimentRecord.key($0.condition, seed: $0.seed)] != nil
            }
            // Runs are only made after the choices.
            let tokens = cost.tokens(of: plan, without: Set(done), hasChoices: !done.isEmpty)
            return Double(tokens) / rate
        }
        var chosen = plan(known ?? .all)
        if let seconds {
            let all = ExperimentPlan.Extent.allCases.map(plan)
            chosen = all.first { time($0) <= seconds } ?? all[all.count - 1]
        }
        let minutes = Int((time(chosen) / 60).rounded(.up))
        report(
            "\(trait.name): \(chosen.runs.count) models to measure, about \(minutes) min"
                + (chosen.omission.map { "; left out: \($0)" } ?? ""))
        try results.set(
            "plan", JSONObject([.init("extent", .integer(chosen.extent.rawValue))]))
        return chosen
    }

    private func cost() throws -> ExperimentCost {
        func tokens(_ probes: [Probe]) throws -> Int {
            try questions(probes).reduce(0) { sum, question in
                // The choices of a probe share its prompt.
                question.choices.reduce(sum + question.prompt.count) {
                    $0 + $1.tokens.count - $1.promptCount
                }
            }
        }
        let blockCount = decoder.configuration.sizes.blockCount
        return ExperimentCost(
            training: try training(seed: 0).reduce(0) { $0 + $1.choices[0].tokens.count }
                * options.recipe.tuning.epochs,
            validation: try tokens(sample.validation), heldOut: try tokens(trait.heldOut),
            unseenForm: try tokens(trait.unseenForm),
            steered: try tokens(sample.steered.map { trait.heldOut[$0] }),
            matching: text.matching.reduce(0) { $0 + $1.count },
            reported: text.reported.reduce(0) { $0 + $1.count },
            // A token that is written takes the time of several that are read.
            free: 4 * trait.freeText.count * options.freeTokens,
            rates: options.recipe.learningRates.count,
            blockChoices: options.recipe.blockChoices(of: blockCount).count)
    }

    /// How fast windows are read by the blocks that differ; what the blocks below make of it is kept.
    private func tokensPerSecond() throws -> Double {
        let windows = Array(text.matching.prefix(2))
        _ = try evaluator.losses(Array(windows.prefix(1)), of: decoder)
        let clock = ContinuousClock()
        let time = try clock.measure { _ = try evaluator.losses(windows, of: decoder) }
        return Double(windows.reduce(0) { $0 + $1.count }) / max(time / .seconds(1), 1e-6)
    }
}
