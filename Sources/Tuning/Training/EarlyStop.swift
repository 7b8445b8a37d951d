/// Ends a run whose validation loss has stopped falling, and knows the best so far.
public struct EarlyStop: Sendable, Hashable {
    public struct Options: Sendable, Hashable {
        /// Validations without a new best after which the run ends; nil never ends it.
        public var patience: Int?
        /// Steps before which it does not end.
        public var minimumSteps: Int

        public init(patience: Int? = 10, minimumSteps: Int = 80) {
            self.patience = patience
            self.minimumSteps = minimumSteps
        }
    }

    public let options: Options
    public private(set) var bestLoss: Double?
    public private(set) var bestStep: Int?
    /// Validations since the best.
    public private(set) var validationsSince = 0

    public init(_ options: Options) {
        self.options = options
    }

    /// Takes up where an earlier run was.
    public init(_ options: Options, bestLoss: Double?, bestStep: Int?, validationsSince: Int) {
        self.options = options
        self.bestLoss = bestLoss
        self.bestStep = bestStep
        self.validationsSince = validationsSince
    }

    /// Takes note of a validation.
    ///
    /// - Returns: whether it is the best so far. A loss that is no number never is.
    public mutating func add(_ loss: Double, step: Int) -> Bool {
        if loss < bestLoss ?? .infinity {
            (bestLoss, bestStep, validationsSince) = (loss, step, 0)
            return true
        }
        validationsSince += 1
        return false
    }

    /// Whether the run should end after this step.
    public func isDue(step: Int) -> Bool {
        guard let patience = options.patience else { return false }
        return step >= options.minimumSteps && validationsSince >= patience
    }
}
