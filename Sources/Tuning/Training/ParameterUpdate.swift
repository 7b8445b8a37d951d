import Formats

/// One update of tuned parameters from their gradients: shortened together, then AdamW at the rates of the schedule.
struct ParameterUpdate {
    let optimizer: AdamW
    private let parameters: [TunedParameter]
    private let groups: [ParameterGroup]
    private let clipping: GradientClipping
    private let schedule: LearningRateSchedule
    private let crew: WorkCrew

    init(
        _ parameters: [TunedParameter], groups: [ParameterGroup], optimizer: AdamW.Options,
        gradientLimit: Double?, schedule: LearningRateSchedule, crew: WorkCrew
    ) {
        self.parameters = parameters
        self.groups = groups
        self.optimizer = AdamW(parameters, options: optimizer, crew: crew)
        clipping = GradientClipping(parameters, limit: gradientLimit)
        self.schedule = schedule
        self.crew = crew
    }

    /// The groups' learning rates at a step, in their order.
    func learningRates(step: Int, of steps: Int) -> [Double] {
        let factor = schedule.factor(step: step, of: steps)
        return groups.map { $0.learningRate * factor }
    }

    /// Makes the update.
    ///
    /// - Returns: the gradients' length before; where it is not finite, nothing is changed.
    func make(step: Int, of steps: Int) -> Double {
        let norm = clipping.clip(parameters, crew: crew)
        guard norm.isFinite else { return norm }
        var rates = parameters.map { [Double](repeating: 0, count: $0.sections.count) }
        for (group, rate) in zip(groups, learningRates(step: step, of: steps)) {
            for place in group.places { rates[place.parameter][place.section] = rate }
        }
        optimizer.update(learningRates: rates)
        return norm
    }
}
