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
        let terms = try Self.objectives(arguments)
        try Self.checkTogether(arguments, terms.map(\.kind))
        let position = try Self.parsed(Names.position, arguments, "a position") { Position($0) }
        let limit = Float(try arguments.value(Names.limit))
        blocks = try arguments.textIfGiven(Names.blocks).map { _ throws(UsageError) in
            try Self.parsed(Names.blocks, arguments, "a list of blocks such as 8,10-12") {
                BlockSet.parse($0)
            }
        }
        weights = try Self.weights(Names.weights, arguments)
        objectives = ObjectiveRequest(
            terms, position: position,
            site: arguments.textIfGiven(Names.site).flatMap(Site.init(rawValue:)), limit: limit,
            representationWeights: try Self.representationWeights(arguments, of: weights))
        form = try Self.form(arguments, weights)
        learningRate = try arguments.value(Names.learningRate)
        representationLearningRate = try arguments.value(Names.representationLearningRate)
        options = try Self.options(arguments)
        dataOptions = TuningDataReader.Options(
            asChat: arguments.has(Names.chat), endsTurns: !arguments.has(Names.noEndTurn),
            takesOpposite: arguments.has(Names.opposite))
        validationShare =
            arguments.isGiven(Names.validation)
            ? 0 : try arguments.value(Names.validationShare)
        textWindow = try arguments.value(Names.textWindow)
        outputType = arguments.has(Names.adapter) ? nil : try Self.outputType(arguments)
    }

    // MARK: - Options together

    /// Refuses options that contradict each other, or that mean nothing without another.
    private static func checkTogether(
        _ arguments: ParsedArguments, _ objectives: [ObjectiveTerm.Kind]
    ) throws(UsageError) {
        for pair in [
            [Names.validation, Names.validationShare.option],
            [Names.adapter, Names.type], [Names.adapter, CheckpointOutput.shardSize],
        ] where pair.allSatisfy(arguments.isGiven) {
            throw .conflict(pair.map(\.flagText))
        }
        if let folder = arguments.textIfGiven(Names.run),
            let resumed = arguments.textIfGiven(Names.resume), folder != resumed
        {
            throw .conflict([Names.run.flagText, Names.resume.flagText])
        }
        let hasVectorTerm = objectives.contains(where: \.isRepresentation)
        let isPaper = try arguments.text(Names.routing) == "paper"
        for (option, isMet, need) in [
            (Names.adapter, arguments.isGiven(Names.lora), "--lora"),
            (Names.loraAlpha, arguments.isGiven(Names.lora), "--lora"),
            (Names.limit.option, objectives.contains(.toward), "the objective toward"),
            (Names.representationWeights, isPaper, "--routing paper"),
            (Names.representationWeights, hasVectorTerm, "the objective toward or away"),
            (Names.position, hasVectorTerm, "the objective toward or away"),
            (Names.site, hasVectorTerm, "the objective toward or away"),
            (Names.text, objectives.contains(.keep), "the objective keep"),
            (Names.textWindow.option, arguments.isGiven(Names.text), "--text"),
            (Names.textsPerStep.option, arguments.isGiven(Names.text), "--text"),
        ] where arguments.isGiven(option) && !isMet {
            throw .needs(option: option.flagText, other: need)
        }
        if hasVectorTerm, !arguments.isGiven(Names.vector) {
            throw .missingOption(Names.vector.flagText)
        }
        if objectives.contains(.keep), !arguments.isGiven(Names.text) {
            throw .needs(option: "--objective keep", other: "--text")
        }
        if !arguments.isGiven(Names.vector), !arguments.isGiven(Names.blocks) {
            throw .missingOneOf([Names.blocks.flagText, Names.vector.flagText])
        }
    }

    // MARK: - One option

    private static func parsed<Value>(
        _ option: Option, _ arguments: ParsedArguments, _ expected: String,
        _ parse: (String) -> Value?
    ) throws(UsageError) -> Value {
        let text = try arguments.text(option)
        guard let value = parse(text) else { throw arguments.invalid(option, text, expected) }
        return value
    }

    private static func objectives(
        _ arguments: ParsedArguments
    ) throws(UsageError) -> [(kind: ObjectiveTerm.Kind, weight: Float)] {
        var objectives: [(kind: ObjectiveTerm.Kind, weight: Float)] = []
        let text = try arguments.text(Names.objective)
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let fields = part.split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let kind = ObjectiveTerm.Kind(rawValue: String(fields[0]))
            let weight = fields.count == 1 ? 1 : Float(fields[1])
            guard let kind, let weight, weight.isFinite, weight > 0 else {
                let names = ObjectiveTerm.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw arguments.invalid(
                    Names.objective, String(part), "one of \(names), or one with :WEIGHT above 0")
            }
            guard !objectives.contains(where: { $0.kind == kind }) else {
                throw arguments.invalid(
                    Names.objective, text, "a list that names each objective once")
            }
            objectives.append((kind, weight))
        }
        return objectives
    }

    private static func weights(
        _ option: Option, _ arguments: ParsedArguments
    ) throws(UsageError) -> [TunedWeight] {
        try arguments.text(option).split(separator: ",", omittingEmptySubsequences: false).map {
            part throws(UsageError) in
            guard let weight = TunedWeight(rawValue: String(part)) else {
                let names = TunedWeight.allCases.map(\.rawValue).joined(separator: ", ")
                throw arguments.invalid(option, String(part), "one of \(names)")
            }
            return weight
        }
    }

    private static func representationWeights(
        _ arguments: ParsedArguments, of weights: [TunedWeight]
    ) throws(UsageError) -> [TunedWeight]? {
        guard try arguments.text(Names.routing) == "paper" else { return nil }
        guard arguments.isGiven(Names.representationWeights) else {
            return [.value, .output].filter(weights.contains)
        }
        let chosen = try Self.weights(Names.representationWeights, arguments)
        if let other = chosen.first(where: { !weights.contains($0) }) {
            throw arguments.invalid(
                Names.representationWeights, other.rawValue, "one of --weights")
        }
        return chosen
    }

    private static func form(
        _ arguments: ParsedArguments, _ weights: [TunedWeight]
    ) throws(UsageError) -> TuningForm {
        guard let rank = try arguments.integerIfGiven(Names.lora, in: 1...1 << 16) else {
            return .full
        }
        if let other = weights.first(where: { !$0.isProjection }) {
            throw arguments.invalid(
                Names.weights, other.rawValue, "a projection of a block, as --lora needs")
        }
        let alpha = try arguments.numberIfGiven(Names.loraAlpha, in: 1e-6...1e6)
        return .lowRank(rank: rank, alpha: alpha.map { Float($0) } ?? 2 * Float(rank))
    }

    private static func options(_ arguments: ParsedArguments) throws(UsageError) -> TuningOptions {
        var options = TuningOptions()
        options.batchSize = try arguments.value(Names.batch)
        options.epochs = try arguments.value(Names.epochs)
        options.stepLimit = try arguments.integerIfGiven(Names.steps, in: Names.counts)
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

    private static func outputType(
        _ arguments: ParsedArguments
    ) throws(UsageError) -> TuningModel.OutputType {
        try parsed(Names.type, arguments, "auto, keep or a type such as f16 or q8_0") { text in
            switch text {
            case "auto": .automatic
            case "keep": .keep
            default: ElementType(rawValue: text).map { .type($0) }
            }
        }
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
                file: TuneOptions.blocks.flagText, block: outside, blockCount: blockCount)
        }
        if weights.contains(.head), base.tensor(WeightRole(.output)) == nil {
            throw UsageError.invalidValue(
                place: TuneOptions.weights.flagText, value: TunedWeight.head.rawValue,
                expected: "a weight of \(base.path): its head is its embedding")
        }
        return try WeightSelection(
            blocks: chosen, slots: weights.flatMap(\.slots), model: weights.compactMap(\.modelSlot),
            of: base)
    }
}
