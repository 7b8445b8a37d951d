import Formats
import Transformer

/// Tunes a model for a condition of an experiment, by the recipe of arXiv 2409.06927: representation terms reach the
/// value and output projections of the chosen blocks alone, token terms all their projections.
struct ExperimentTraining {
    let base: Checkpoint
    let prefixes: PrefixCache
    let directions: [Int: [Float]]
    let position: Position
    let options: ExperimentOptions
    let crew: WorkCrew

    /// The tuned model.
    ///
    /// - Parameters:
    ///   - questions: the training data.
    ///   - learningRate: of the weights that representation terms reach, or of all in token tuning; the others of a
    ///     condition with both losses have a tenth of it.
    /// - Throws: `ExperimentError.diverged` where a loss or a gradient is not finite; what tuning throws.
    func model(
        for condition: Condition, _ questions: [ModelEvaluator.Question],
        blocks: ClosedRange<Int>, learningRate: Double, seed: UInt64
    ) throws -> TuningModel {
        let slots =
            condition.method == .representation
            ? WeightSelection.valueAndOutput : WeightSelection.blockProjections
        let selection = try WeightSelection(blocks: Array(blocks), slots: slots, of: base)
        let model = try TuningModel(
            base: base, selection: selection, form: .full, seed: seed, crew: crew)
        let terms = terms(for: condition, blocks: blocks)
        let engine = try ObjectiveEngine(
            model: model, terms: terms, limits: .init(activations: 256 << 20),
            prefixes: prefixes)
        let examples = questions.prefix(options.exampleLimit).map { question in
            let chosen = question.choice(isCorrect: condition.isPositive)
            return TuningExample(
                prompt: Array(chosen.tokens[..<chosen.promptCount]),
                completion: Array(chosen.tokens[chosen.promptCount...]), place: chosen.place)
        }
        try train(
            engine, Array(examples), seed: seed,
            groups: ParameterGroup.groups(
                of: model.parameters, terms: terms,
                learningRate: condition.method == .token ? learningRate : learningRate / 10,
                representationLearningRate: learningRate))
        return model
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
        let token = ObjectiveTerm(.token, weight: options.tokenWeight)
        switch condition.method {
        case .token: return [ObjectiveTerm(.token)]
        case .representation: return [toward]
        case .both: return [toward, token]
        case .away: return [away, token]
        case .untuned, .online: return []
        }
    }

    private func train(
        _ engine: ObjectiveEngine, _ examples: [TuningExample], seed: UInt64,
        groups: [ParameterGroup]
    ) throws {
        let parameters = engine.model.parameters
        let usual = TuningOptions()
        let update = ParameterUpdate(
            parameters, groups: groups, optimizer: usual.optimizer,
            gradientLimit: usual.gradientLimit, schedule: usual.schedule, crew: crew)
        var order = BatchOrder(
            exampleCount: examples.count, batchSize: options.batchSize, textCount: 0,
            textsPerStep: 0, seed: seed)
        let steps = order.stepsPerEpoch * options.epochs
        for step in 0..<steps {
            engine.model.clearGradients()
            let batch = order.batch(at: step).examples.map { examples[$0] }
            let losses = try engine.addGradients(TuningBatch(examples: batch))
            guard losses.isFinite, update.make(step: step, of: steps).isFinite else {
                throw ExperimentError.diverged(
                    fact: "a loss or a gradient of step \(step + 1) is not finite")
            }
        }
    }
}
