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

/// Sections of parameters that share a learning rate.
public struct ParameterGroup: Sendable, Hashable {
    /// A section of a parameter, by their indices.
    public struct Place: Sendable, Hashable {
        public let parameter: Int
        public let section: Int

        public init(parameter: Int, section: Int) {
            self.parameter = parameter
            self.section = section
        }
    }

    /// What the run record calls it.
    public let name: String
    public let learningRate: Double
    public let places: [Place]

    public init(name: String, learningRate: Double, places: [Place]) {
        self.name = name
        self.learningRate = learningRate
        self.places = places
    }

    /// The groups of a run: the weights that representation terms reach, and all others; empty ones are left out.
    public static func groups(
        of parameters: [TunedParameter], terms: [ObjectiveTerm], learningRate: Double,
        representationLearningRate: Double
    ) -> [ParameterGroup] {
        let representation = terms.filter(\.goal.isRepresentation)
        var (reached, others): ([Place], [Place]) = ([], [])
        for (index, parameter) in parameters.enumerated() {
            for (place, section) in parameter.sections.enumerated() {
                let isReached = representation.contains { $0.reaches(section) }
                let place = Place(parameter: index, section: place)
                if isReached { reached.append(place) } else { others.append(place) }
            }
        }
        return [
            ParameterGroup(
                name: "representation", learningRate: representationLearningRate, places: reached),
            ParameterGroup(name: "token", learningRate: learningRate, places: others),
        ].filter { !$0.places.isEmpty }
    }
}

extension ObjectiveTerm.Goal {
    /// Whether the term is about the residual stream rather than the logits.
    public var isRepresentation: Bool { directions != nil }
}
