import Transformer

/// Makes the model of each run and measures it.
struct ExperimentMeasurement {
    private let experiment: Experiment
    private let directions: [Int: [Float]]
    private let choices: Choices
    private let hasDoses: Bool
    private let trainer: ExperimentTraining
    private let heldOut: [ModelEvaluator.Question]
    private let unseenForm: [ModelEvaluator.Question]
    private let steered: [ModelEvaluator.Question]

    init(
        experiment: Experiment, directions: [Int: [Float]], choices: Choices, hasDoses: Bool,
        trainer: ExperimentTraining
    ) throws {
        self.experiment = experiment
        self.directions = directions
        self.choices = choices
        self.hasDoses = hasDoses
        self.trainer = trainer
        let heldOut = try experiment.questions(experiment.trait.heldOut)
        self.heldOut = heldOut
        unseenForm = try experiment.questions(experiment.trait.unseenForm)
        steered = experiment.sample.steered.map { heldOut[$0] }
    }

    /// A model by its strength, and what steers it.
    private typealias Model = (_ strength: Double) -> (decoder: Decoder, steering: [Intervention])

    /// - Parameter guess: about the strength that will be found; nil for what the choices say.
    /// - Throws: what tuning and the decoder throw.
    func record(_ run: ExperimentPlan.Run, guess: Double?) throws -> ExperimentRecord {
        let (condition, options) = (run.condition, experiment.options)
        let model = try model(of: run)
        var match = StrengthMatch.Result(strength: 1, cost: 0, isReached: true)
        switch condition.method {
        case .untuned: match = .init(strength: 0, cost: 0, isReached: true)
        case .away:
            match = .init(strength: 1, cost: try cost(of: model(1)), isReached: true)
        default:
            match = try experiment.match(
                greatest: condition.isTuned
                    ? options.greatestTunedStrength : options.greatestOnlineStrength,
                from: guess ?? self.guess(of: condition)
            ) { model($0) }
        }
        let doses = try doses(of: model, run, around: match.strength)
        let chosen = model(match.strength)
        let evaluator = experiment.evaluator
        func margins(
            _ questions: [ModelEvaluator.Question], and steering: [Intervention] = []
        ) throws -> [Double] {
            try evaluator.margins(
                questions, of: chosen.decoder, steered: chosen.steering + steering)
        }
        let windows = experiment.text.part(of: run.seed, seeds: seeds(of: condition))
        let text = try evaluator.readText(
            windows.map { experiment.text.reported[$0] }, by: chosen.decoder,
            steered: chosen.steering)
        // Answers, and what steering to its own side does, are shown of a condition's first model.
        let isFirst = run.seed == 0
        let answers = isFirst ? try freeTexts(of: chosen.decoder, chosen.steering) : []
        func steeredTo(_ isPositive: Bool) throws -> [Double] {
            guard isFirst || condition.isPositive != isPositive else { return [] }
            return try margins(steered, and: steering(isPositive))
        }
        let score = experiment.trait.lexicon.map { lexicon in
            Statistics.mean(answers.map(lexicon.score))
        }
        return ExperimentRecord(
            condition: condition, seed: run.seed, strength: match.strength, cost: match.cost,
            isMatched: match.isReached, heldOut: try margins(heldOut),
            unseenForm: try margins(unseenForm),
            steeredUp: try steeredTo(true), steeredDown: try steeredTo(false),
            textLosses: text.losses, textWindows: windows, divergence: text.divergence,
            cosines: try evaluator.cosines(
                steered.map(\.prompt), with: directions, at: experiment.trait.position,
                of: chosen.decoder, steered: chosen.steering),
            doses: doses, freeTextScore: answers.isEmpty ? nil : score, freeTexts: answers)
    }

    /// How many seeds read the windows together: those of the whole design, so that a record is the same in every plan.
    private func seeds(of condition: Condition) -> Int {
        experiment.options.seeds(of: condition)
    }

    private func steering(_ isPositive: Bool) -> [Intervention] {
        let strength = choices.strengths[isPositive] ?? 0
        return experiment.interventions(
            directions, choices.blocks, strength: isPositive ? strength : -strength)
    }

    private func guess(of condition: Condition) -> Double {
        condition.method == .online
            ? choices.strengths[condition.isPositive] ?? 1 : choices.guesses[condition.method] ?? 1
    }

    private func model(of run: ExperimentPlan.Run) throws -> Model {
        let condition = run.condition
        let decoder = experiment.decoder
        guard condition.isTuned else {
            guard condition.method == .online else { return { _ in (decoder, []) } }
            let sign = condition.isPositive ? 1.0 : -1.0
            return { strength in
                (
                    decoder,
                    experiment.interventions(
                        directions, choices.blocks, strength: sign * strength)
                )
            }
        }
        let line = try trainer.line(
            for: condition, experiment.training(seed: run.seed), blocks: choices.blocks,
            learningRate: choices.learningRates[condition.method]
                ?? experiment.options.recipe.learningRates[0],
            seed: UInt64(run.seed))
        return { strength in
            line.move(to: strength)
            return (line.model.decoder, [])
        }
    }

    private func cost(of model: (decoder: Decoder, steering: [Intervention])) throws -> Double {
        try experiment.cost(of: model.decoder, steered: model.steering)
    }

    /// What other strengths of a condition's first model do.
    private func doses(
        of model: Model, _ run: ExperimentPlan.Run, around strength: Double
    ) throws -> [ExperimentRecord.Dose] {
        guard hasDoses, run.seed == 0, run.condition.method.isMatched else { return [] }
        return try experiment.options.doses.map { part in
            let dose = part * strength
            let found = model(dose)
            let margins = try experiment.evaluator.margins(
                steered, of: found.decoder, steered: found.steering)
            return ExperimentRecord.Dose(
                strength: dose, cost: try cost(of: found), logOdds: Statistics.mean(margins))
        }
    }

    /// Greedy answers to the trait's free prompts.
    private func freeTexts(
        of model: Decoder, _ interventions: [Intervention]
    ) throws -> [String] {
        let renderer = experiment.renderer
        return try experiment.trait.freeText.map { prompt in
            var generator = try TextGenerator(
                model,
                options: .init(
                    maximumTokens: experiment.options.freeTokens,
                    stopTokens: renderer.tokenizer.endOfGeneration,
                    interventions: interventions))
            let tokens = try renderer.tokens(
                .chat(system: nil, user: prompt, assistant: nil), place: "free_text")
            let result = try generator.generate(from: tokens) { _ in true }
            return renderer.tokenizer.decode(result.tokens)
        }
    }
}
