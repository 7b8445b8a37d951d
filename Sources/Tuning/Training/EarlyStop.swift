/// Ends a run whose validation loss has stopped falling, and knows the best so far.
package struct EarlyStop: Sendable, Hashable {
    /// When tuning ends before its last step.
    package struct Options: Sendable, Hashable {
        /// Validations without a new best after which the run ends; nil never ends it.
        package var patience: Int?
        /// Steps before which it does not end.
        package var minimumSteps: Int

        package init(patience: Int? = 10, minimumSteps: Int = 80) {
            self.patience = patience
            self.minimumSteps = minimumSteps
        }
    }

    package let options: Options
    package private(set) var bestLoss: Double?
    package private(set) var bestStep: Int?
    /// Validations since the best.
    package private(set) var validationsSince = 0

    package init(_ options: Options) {
        self.options = options
    }

    /// Takes up where an earlier run was.
    package init(_ options: Options, bestLoss: Double?, bestStep: Int?, validationsSince: Int) {
        self.options = options
        self.bestLoss = bestLoss
        self.bestStep = bestStep
        self.validationsSince = validationsSince
    }

    /// Takes note of a validation.
    ///
    /// - Returns: whether it is the best so far. A loss that is no number never is.
    package mutating func add(_ loss: Double, step: Int) -> Bool {
        if loss < bestLoss ?? .infinity {
            (bestLoss, bestStep, validationsSince) = (loss, step, 0)
            return true
        }
        validationsSince += 1
        return false
    }

    /// Whether the run should end after this step.
    package func isDue(step: Int) -> Bool {
        guard let patience = options.patience else { return false }
        return step >= options.minimumSteps && validationsSince >= patience
    }
}
