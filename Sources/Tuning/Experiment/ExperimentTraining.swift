import Formats
import Transformer

/// Tunes a model for a condition of an experiment: representation terms reach the value and output projections of the
/// chosen blocks alone, token terms all their projections (arXiv 2409.06927).
struct ExperimentTraining {
    let base: Checkpoint
    let prefixes: PrefixCache
    let directions: [Int: [Float]]
    let position: Position
    let recipe: Recipe
    /// For recipes that stop early.
    let validation: [ModelEvaluator.Question]
    let crew: WorkCrew

    /// The line from the base through the tuned weights; the model is at strength 1.
    ///
    /// - Parameters:
    ///   - questions: the training data of this run.
    ///   - learningRate: of the weights that representation terms reach, or of all in token tuning.
    ///   - seed: of the order of the data.
    /// - Throws: `ExperimentError.diverged` where a loss or a gradient is not finite; what tuning throws.
    func line(
        for condition: Condition, _ questions: [ModelEvaluator.Question],
        blocks: ClosedRange<Int>, learningRate: Double, seed: UInt64
    ) throws -> TunedLine {
        let selection = try WeightSelection(
            blocks: Array(blocks), slots: slots(of: condition), of: base)
        let model = try TuningModel(
            base: base, selection: selection, form: .full, seed: seed, crew: crew)
        let start = TunedLine.copies(of: model)
        let terms = terms(for: condition, blocks: blocks)
        let engine = try ObjectiveEngine(
            model: model, terms: terms, limits: .init(activations: 256 << 20),
            prefixes: prefixes)
        let groups = ParameterGroup.groups(
            of: model.parameters, terms: terms,
            learningRate: condition.method == .token
                ? learningRate : learningRate * recipe.tokenShare,
            representationLearningRate: learningRate)
        try train(engine, condition, questions, seed: seed, groups: groups)
        return TunedLine(model, from: start, crew: crew)
    }

    private func slots(of condition: Condition) -> [BlockSlot] {
        guard condition.method != .representation || recipe.keepsBothCompletions else {
            return WeightSelection.valueAndOutput
        }
        return recipe.tunesNorms
            ? BlockSlot.allCases.filter { !$0.isRouter } : WeightSelection.blockProjections
    }

    private func terms(for condition: Condition, blocks: ClosedRange<Int>) -> [ObjectiveTerm] {
        let reach = Set(
            blocks.flatMap { block in
                WeightSelection.valueAndOutput.map { WeightRole.block(block, $0) }
            })
        let chosen = directions.filter { blocks.contains($0.key) }
        let signed =
            condition.isPositive ? chosen : chosen.mapValues { $0.map { value in -value } }
        let toward = ObjectiveTerm(
            .toward(signed, limit: 1), position: position, reach: reach)
        let away = ObjectiveTerm(.away(chosen), position: position, reach: reach)
        let token = ObjectiveTerm(.token, weight: recipe.tokenWeight)
        switch condition.method {
        case .token: return [ObjectiveTerm(.token)]
        case .representation: return recipe.keepsBothCompletions ? [toward, token] : [toward]
        case .both: return [toward, token]
        case .away: return [away, token]
        case .untuned, .online: return []
        }
    }

    private func examples(
        of questions: [ModelEvaluator.Question], for condition: Condition
    ) -> [TuningExample] {
        let keepsBoth = condition.method == .representation && recipe.keepsBothCompletions
        let sides = keepsBoth ? [true, false] : [condition.isPositive]
        return questions.flatMap { question in
            sides.map { isCorrect in
                let chosen = question.choice(isCorrect: isCorrect)
                return TuningExample(
                    prompt: Array(chosen.tokens[..<chosen.promptCount]),
                    completion: Array(chosen.tokens[chosen.promptCount...]), place: chosen.place)
            }
        }
    }

    private func train(
        _ engine: ObjectiveEngine, _ condition: Condition,
        _ questions: [ModelEvaluator.Question], seed: UInt64, groups: [ParameterGroup]
    ) throws {
        let examples = examples(of: questions, for: condition)
        let parameters = engine.model.parameters
        let usual = recipe.tuning
        let update = ParameterUpdate(
            parameters, groups: groups, optimizer: usual.optimizer,
            gradientLimit: usual.gradientLimit, schedule: usual.schedule, crew: crew)
        let batchSize =
            condition.method == .token ? recipe.tokenBatchSize : usual.batchSize
        var order = BatchOrder(
            exampleCount: examples.count, batchSize: batchSize, textCount: 0,
            textsPerStep: 0, seed: seed)
        let steps = order.stepsPerEpoch * usual.epochs
        var best = BestState(recipe, batches(condition, batchSize))
        for step in 0..<steps {
            engine.model.clearGradients()
            let batch = order.batch(at: step).examples.map { examples[$0] }
            let losses = try engine.addGradients(TuningBatch(examples: batch))
            guard losses.isFinite, update.make(step: step, of: steps).isFinite else {
                throw ExperimentError.diverged(
                    fact: "a loss or a gradient of step \(step + 1) is not finite")
            }
            if try best.isEnd(after: step + 1, of: steps, engine) { break }
        }
        best.restore(in: engine.model)
    }

    /// The batches that a recipe's early stop is decided on.
    private func batches(_ condition: Condition, _ size: Int) -> [TuningBatch] {
        guard recipe.isValidated else { return [] }
        let examples = examples(of: validation, for: condition)
        return stride(from: 0, to: examples.count, by: size).prefix(recipe.tuning.validationBatches)
            .map { TuningBatch(examples: Array(examples[$0..<min($0 + size, examples.count)])) }
    }
}

/// The best values of a run by validation, and when it ends.
private struct BestState {
    private let options: TuningOptions
    private let batches: [TuningBatch]
    private var stop: EarlyStop
    private var values: [FloatBuffer] = []

    init(_ recipe: Recipe, _ batches: [TuningBatch]) {
        options = recipe.tuning
        self.batches = batches
        stop = EarlyStop(options.earlyStop)
    }

    /// Validates where that is due.
    mutating func isEnd(after step: Int, of steps: Int, _ engine: ObjectiveEngine) throws -> Bool {
        guard !batches.isEmpty, step == steps || step % options.validateEvery == 0 else {
            return false
        }
        let losses = try batches.map { try engine.losses($0).total }
        if stop.add(Statistics.mean(losses), step: step) {
            values = TunedLine.copies(of: engine.model)
        }
        return stop.isDue(step: step)
    }

    func restore(in model: TuningModel) {
        for (parameter, best) in zip(model.parameters, values) {
            parameter.values.floats.update(from: best.floats, count: best.count)
        }
    }
}
