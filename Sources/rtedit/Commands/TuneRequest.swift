import Formats
import Transformer
import Tuning

/// What a call of `tune` asks for, checked as far as that goes without the model.
struct TuneRequest {
    let objectives: ObjectiveRequest
    let blocks: [Int]?
    let weights: [TunedWeight]
    let form: TuningForm
    let learningRate: Double
    let representationLearningRate: Double
    let options: TuningOptions
    let dataOptions: TuningDataReader.Options
    let validationShare: Double
    let textWindow: Int
    /// Nil: the output is an adapter.
    let outputType: TuningModel.OutputType?

    private typealias Names = TuneOptions

    /// - Throws: `UsageError` for the first option that is malformed, or contradicts another.
    init(_ arguments: ParsedArguments) throws(UsageError) {
        let terms = try arguments.value(Names.objective)
        try Self.checkTogether(arguments, terms.map(\.kind))
        let position = try arguments.value(Names.position)
        let limit = Float(try arguments.value(Names.limit))
        blocks = try arguments.value(Names.blocks)
        weights = try arguments.value(Names.weights)
        objectives = ObjectiveRequest(
            terms, position: position,
            site: try arguments.value(Names.site), limit: limit,
            representationWeights: try Self.representationWeights(arguments, of: weights),
            contrast: try Self.contrast(arguments, terms.map(\.kind)))
        form = try Self.form(arguments, weights)
        learningRate = try arguments.value(Names.learningRate)
        representationLearningRate = try arguments.value(Names.representationLearningRate)
        options = try Self.options(arguments)
        dataOptions = TuningDataReader.Options(
            asChat: arguments.has(Names.chat), endsTurns: !arguments.has(Names.noEndTurn),
            takesOpposite: arguments.has(Names.opposite),
            contrast: try Self.contrastSource(arguments, terms.map(\.kind)))
        validationShare =
            arguments.isGiven(Names.validation)
            ? 0 : try arguments.value(Names.validationShare)
        textWindow = try arguments.value(Names.textWindow)
        outputType = arguments.has(Names.adapter) ? nil : try arguments.value(Names.type)
    }

    // MARK: - Options together

    /// Refuses options that contradict each other, or that mean nothing without another.
    private static func checkTogether(
        _ arguments: ParsedArguments, _ objectives: [ObjectiveTerm.Kind]
    ) throws(UsageError) {
        for pair in [
            [Names.validation, Names.validationShare.option],
            [Names.adapter, Names.type.option], [Names.adapter, CheckpointOutput.shardSize.option],
            [Names.adapter, NoteOptions.name], [Names.adapter, NoteOptions.set],
        ] where pair.allSatisfy(arguments.isGiven) {
            throw .conflict(pair.map(\.flagText))
        }
        if let folder = arguments.textIfGiven(Names.run),
            let resumed = arguments.textIfGiven(Names.resume), folder != resumed
        {
            throw .conflict([Names.run.flagText, Names.resume.flagText])
        }
        let hasVectorTerm = objectives.contains(where: \.readsVector)
        let hasStreamTerm = objectives.contains(where: \.isRepresentation)
        let hasContrast = objectives.contains(.contrast)
        let isPaper = try arguments.value(Names.routing) == .paper
        let needs: [(any DeclaredOption, Bool, String)] = [
            (Names.adapter, arguments.isGiven(Names.lora), "--lora"),
            (Names.loraAlpha, arguments.isGiven(Names.lora), "--lora"),
            (Names.limit, objectives.contains(.toward), "the objective toward"),
            (Names.representationWeights, isPaper, "--routing paper"),
            (
                Names.representationWeights, hasStreamTerm,
                "the objective toward, away, shift or contrast"
            ),
            (Names.contrastPositive, hasContrast, "the objective contrast"),
            (Names.contrastNegative, hasContrast, "the objective contrast"),
            (Names.contrastStrength, hasContrast, "the objective contrast"),
            (Names.contrastBlocks, hasContrast, "the objective contrast"),
            (
                Names.contrastPositive, arguments.isGiven(Names.contrastNegative),
                "--contrast-negative"
            ),
            (
                Names.contrastNegative, arguments.isGiven(Names.contrastPositive),
                "--contrast-positive"
            ),
            (Names.position, hasVectorTerm, "the objective toward, away or shift"),
            (Names.site, hasStreamTerm, "the objective toward, away, shift or contrast"),
            (Names.text, objectives.contains(.keep), "the objective keep"),
            (Names.steer, objectives.contains(.keepSteered), "the objective keep-steered"),
            (Names.steerProbability, arguments.isGiven(Names.steer), "--steer"),
            (Names.steerStrength, arguments.isGiven(Names.steer), "--steer"),
            (Names.textWindow, arguments.isGiven(Names.text), "--text"),
            (Names.textsPerStep, arguments.isGiven(Names.text), "--text"),
        ]
        for (declared, isMet, need) in needs where arguments.isGiven(declared) && !isMet {
            throw .needs(option: declared.option.flagText, other: need)
        }
        if hasVectorTerm, !arguments.isGiven(Names.vector) {
            throw .missingOption(Names.vector.flagText)
        }
        if objectives.contains(.keepSteered) {
            guard arguments.isGiven(Names.steer) else {
                throw .needs(option: "--objective keep-steered", other: Names.steer.flagText)
            }
            // What a step is steered with would act on every other term too.
            guard objectives.count == 1 else {
                throw arguments.invalid(
                    Names.objective.option, try arguments.text(Names.objective.option),
                    "keep-steered alone, which must stand by itself")
            }
        }
        if objectives.contains(.keep), !arguments.isGiven(Names.text) {
            throw .needs(option: "--objective keep", other: "--text")
        }
        if !arguments.isGiven(Names.vector), !arguments.isGiven(Names.blocks) {
            throw .missingOneOf([Names.blocks.option.flagText, Names.vector.flagText])
        }
    }

    // MARK: - One option

    private static func contrast(
        _ arguments: ParsedArguments, _ objectives: [ObjectiveTerm.Kind]
    ) throws(UsageError) -> ObjectiveRequest.Contrast? {
        guard objectives.contains(.contrast) else { return nil }
        let tuned = try arguments.value(Names.blocks)
        guard let blocks = try arguments.value(Names.contrastBlocks) ?? tuned else {
            throw .missingOneOf([
                Names.contrastBlocks.option.flagText, Names.blocks.option.flagText,
            ])
        }
        return ObjectiveRequest.Contrast(
            blocks: blocks, strength: Float(try arguments.value(Names.contrastStrength)))
    }

    private static func contrastSource(
        _ arguments: ParsedArguments, _ objectives: [ObjectiveTerm.Kind]
    ) throws(UsageError) -> ContrastSource? {
        guard objectives.contains(.contrast) else { return nil }
        guard arguments.isGiven(Names.contrastPositive) else { return .lines }
        func template(_ option: Option) throws(UsageError) -> ContrastTemplate {
            let text = try arguments.text(option)
            guard let template = ContrastTemplate(text) else {
                throw arguments.invalid(
                    option, text,
                    "a system text, or a text with \(ContrastTemplate.mark) once in it")
            }
            return template
        }
        return .templates(
            positive: try template(Names.contrastPositive),
            negative: try template(Names.contrastNegative))
    }

    private static func representationWeights(
        _ arguments: ParsedArguments, of weights: [TunedWeight]
    ) throws(UsageError) -> [TunedWeight]? {
        guard try arguments.value(Names.routing) == .paper else { return nil }
        guard let chosen = try arguments.value(Names.representationWeights) else {
            return [.value, .output, .convolution].filter(weights.contains)
        }
        if let other = chosen.first(where: { !weights.contains($0) }) {
            throw arguments.invalid(
                Names.representationWeights.option, other.rawValue, "one of --weights")
        }
        return chosen
    }

    private static func form(
        _ arguments: ParsedArguments, _ weights: [TunedWeight]
    ) throws(UsageError) -> TuningForm {
        guard let rank = try arguments.value(Names.lora) else { return .full }
        if let other = weights.first(where: { !$0.isProjection }) {
            throw arguments.invalid(
                Names.weights.option, other.rawValue, "a projection of a block, as --lora needs")
        }
        let alpha = try arguments.value(Names.loraAlpha)
        return .lowRank(rank: rank, alpha: alpha.map { Float($0) } ?? 2 * Float(rank))
    }

    private static func options(_ arguments: ParsedArguments) throws(UsageError) -> TuningOptions {
        var options = TuningOptions()
        options.batchSize = try arguments.value(Names.batch)
        options.epochs = try arguments.value(Names.epochs)
        options.stepLimit = try arguments.value(Names.steps)
        options.textsPerStep = try arguments.value(Names.textsPerStep)
        options.optimizer = AdamW.Options(
            beta1: try arguments.value(Names.beta1),
            beta2: try arguments.value(Names.beta2),
            epsilon: try arguments.value(Names.epsilon),
            weightDecay: try arguments.value(Names.weightDecay))
        options.schedule = LearningRateSchedule(
            try arguments.value(Names.schedule),
            warmUp: try arguments.value(Names.warmUp))
        let clip = try arguments.value(Names.clip)
        options.gradientLimit = clip > 0 ? clip : nil
        options.seed = UInt64(try arguments.value(Names.seed))
        options.validateEvery = try arguments.value(Names.validateEvery)
        options.validationBatches = try arguments.value(Names.validationBatches)
        let patience = try arguments.value(Names.patience)
        options.earlyStop = EarlyStop.Options(
            patience: patience > 0 ? patience : nil,
            minimumSteps: try arguments.value(Names.minimumSteps))
        options.saveEvery = try arguments.value(Names.saveEvery)
        return options
    }
}

// MARK: - With the model

extension TuneRequest {
    /// The weights to tune.
    ///
    /// - Throws: `VectorError.noSuchBlock`, `UsageError` for a head that the model does not have, and
    ///   `TrainingError.nothingToTune`.
    func selection(of base: Checkpoint, vectors: [Intervention], blockCount: Int) throws
        -> WeightSelection
    {
        let chosen = blocks ?? Set(vectors.map(\.block)).sorted()
        if let outside = chosen.first(where: { $0 >= blockCount }) {
            throw VectorError.noSuchBlock(
                file: TuneOptions.blocks.option.flagText, block: outside, blockCount: blockCount)
        }
        if weights.contains(.head), base.tensor(WeightRole(.output)) == nil {
            throw UsageError.invalidValue(
                place: TuneOptions.weights.option.flagText, value: TunedWeight.head.rawValue,
                expected: "a weight of \(base.path): its head is its embedding")
        }
        return try WeightSelection(
            blocks: chosen, slots: weights.flatMap(\.slots), model: weights.compactMap(\.modelSlot),
            of: base)
    }
}
