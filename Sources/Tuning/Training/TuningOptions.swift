/// How a run goes: everything about it that is not the model, the objectives or the data.
public struct TuningOptions: Sendable, Hashable {
    public var batchSize = 4
    public var epochs = 3
    /// The most steps the run makes; nil: as many as its epochs have.
    public var stepLimit: Int?
    /// Windows of ordinary text that every step takes.
    public var textsPerStep = 0
    public var optimizer = AdamW.Options()
    public var schedule = LearningRateSchedule(.linear, warmUp: 10)
    /// The greatest length of all gradients together; nil for any.
    public var gradientLimit: Double? = 1
    /// Decides the order of examples and texts.
    public var seed: UInt64 = 0
    /// Steps between validations.
    public var validateEvery = 20
    /// Batches a validation takes at most; always the same ones.
    public var validationBatches = 20
    public var earlyStop = EarlyStop.Options()
    /// Steps between saved states; it does not change the result.
    public var saveEvery = 50

    public init() {}

    /// How many steps a run on so many examples has.
    public func steps(examples: Int) -> Int {
        let perEpoch = (examples + batchSize - 1) / max(batchSize, 1)
        let (all, overflows) = perEpoch.multipliedReportingOverflow(by: epochs)
        return min(overflows ? Int.max : all, stepLimit ?? Int.max)
    }
}

/// Parameters that share a learning rate.
public struct ParameterGroup: Sendable, Hashable {
    /// What the run record calls it.
    public let name: String
    public let learningRate: Double
    /// The parameters' indices.
    public let parameters: [Int]

    public init(name: String, learningRate: Double, parameters: [Int]) {
        self.name = name
        self.learningRate = learningRate
        self.parameters = parameters
    }

    /// The groups of a run: the weights that representation terms reach, and all others; empty ones are left out.
    public static func groups(
        of parameters: [TunedParameter], terms: [ObjectiveTerm], learningRate: Double,
        representationLearningRate: Double
    ) -> [ParameterGroup] {
        let isReached = { (parameter: TunedParameter) in
            terms.contains { term in
                term.goal.isRepresentation && term.reach?.contains(parameter.role) ?? true
            }
        }
        let reached = parameters.indices.filter { isReached(parameters[$0]) }
        let others = parameters.indices.filter { !isReached(parameters[$0]) }
        return [
            ParameterGroup(
                name: "representation", learningRate: representationLearningRate,
                parameters: reached),
            ParameterGroup(name: "token", learningRate: learningRate, parameters: others),
        ].filter { !$0.parameters.isEmpty }
    }
}

extension ObjectiveTerm.Goal {
    /// Whether the term is about the residual stream rather than the logits.
    public var isRepresentation: Bool { directions != nil }
}
