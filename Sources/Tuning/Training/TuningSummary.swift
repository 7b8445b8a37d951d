/// How far a run is, after a step.
package struct TuningProgress: Sendable {
    /// Steps made.
    package let step: Int
    package let steps: Int
    /// Of the step, before its update.
    package let losses: StepLosses
    package let tokensPerSecond: Double
    /// At the rate until now; early stopping may make it less.
    package let secondsLeft: Double
}

/// What a run came to.
package struct TuningSummary: Sendable {
    /// Nil where it was interrupted.
    package let outcome: TuningRun.Outcome?
    package let isInterrupted: Bool
    package let step: Int
    package let steps: Int
    /// The step of the best validation, whose values the parameters have; nil without validation.
    package let bestStep: Int?
    package let firstValidation: StepLosses?
    package let bestValidation: StepLosses?
    package let firstTraining: StepLosses?
    package let lastTraining: StepLosses?
    /// What multiplied the run's matrices, in the order of first use.
    package let kernels: [String]

    /// Whether the best state's validation is better than the untuned model's; nil without validation.
    package var isBetter: Bool? {
        guard let firstValidation, let bestValidation else { return nil }
        return bestValidation.total < firstValidation.total
    }

    /// Whether the parameters hold something to write: always, but after divergence only a state that validation
    /// found better than the untuned model.
    package var isUsable: Bool {
        switch outcome {
        case .finished, .stoppedEarly: true
        case .diverged: isBetter ?? false
        case nil: false
        }
    }
}

extension TuningRun.Outcome {
    /// The outcome in the run record.
    package var name: String {
        switch self {
        case .finished: "finished"
        case .stoppedEarly: "stopped early"
        case .diverged: "diverged"
        }
    }

    /// Reads what `name` gives; nil for anything else.
    init?(name: String, reason: String?) {
        switch name {
        case "finished": self = .finished
        case "stopped early": self = .stoppedEarly
        case "diverged": self = .diverged(reason: reason ?? "")
        default: return nil
        }
    }
}

extension StepLosses {
    /// The means over batches, summed in their order; tokens are added up.
    init(mean batches: [StepLosses]) {
        let count = Double(max(batches.count, 1))
        let terms = batches.first?.terms.indices ?? 0..<0
        self.init(
            terms: terms.map { term in batches.reduce(0) { $0 + $1.terms[term] } / count },
            total: batches.reduce(0) { $0 + $1.total } / count,
            cosines: batches.reduce(into: [:]) { means, batch in
                for (block, cosine) in batch.cosines { means[block, default: 0] += cosine / count }
            },
            tokens: batches.reduce(0) { $0 + $1.tokens })
    }
}

/// Measures how fast a run is.
struct TuningClock {
    private let begin = ContinuousClock.now

    var seconds: Double { (ContinuousClock.now - begin) / .seconds(1) }

    /// So many things a second since the beginning.
    func rate(of count: Int) -> Double { Double(count) / max(seconds, .leastNormalMagnitude) }
}
