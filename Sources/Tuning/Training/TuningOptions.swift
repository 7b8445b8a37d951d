/// How a run goes: everything about it that is not the model, the objectives or the data.
package struct TuningOptions: Sendable, Hashable {
    package var batchSize = 4
    package var epochs = 3
    /// The most steps the run makes; nil: as many as its epochs have.
    package var stepLimit: Int?
    /// Windows of ordinary text that every step takes, where there are any.
    package var textsPerStep = 4
    package var optimizer = AdamW.Options()
    package var schedule = LearningRateSchedule(.linear, warmUp: 10)
    /// The greatest length of all gradients together; nil for any.
    package var gradientLimit: Double? = 1
    /// Decides the order of examples and texts.
    package var seed: UInt64 = 0
    /// Steps between validations.
    package var validateEvery = 20
    /// Batches a validation takes at most; always the same ones.
    package var validationBatches = 20
    package var earlyStop = EarlyStop.Options()
    /// Steps between saved states; it does not change the result.
    package var saveEvery = 50

    package init() {}

    /// How many steps a run on so many examples has.
    package func steps(examples: Int) -> Int {
        let perEpoch = (examples + batchSize - 1) / max(batchSize, 1)
        let (all, overflows) = perEpoch.multipliedReportingOverflow(by: epochs)
        return min(overflows ? Int.max : all, stepLimit ?? Int.max)
    }
}

/// Sections of parameters that share a learning rate.
package struct ParameterGroup: Sendable, Hashable {
    /// A section of a parameter, by their indices.
    package struct Place: Sendable, Hashable {
        package let parameter: Int
        package let section: Int

        package init(parameter: Int, section: Int) {
            self.parameter = parameter
            self.section = section
        }
    }

    /// What the run record calls it.
    package let name: String
    package let learningRate: Double
    package let places: [Place]

    package init(name: String, learningRate: Double, places: [Place]) {
        self.name = name
        self.learningRate = learningRate
        self.places = places
    }

    /// The groups of a run: the weights that representation terms reach, and all others; empty ones are left out.
    package static func groups(
        of parameters: [TunedParameter], terms: [ObjectiveTerm], learningRate: Double,
        representationLearningRate: Double
    ) -> [ParameterGroup] {
        let representation = terms.filter(\.goal.kind.isRepresentation)
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
