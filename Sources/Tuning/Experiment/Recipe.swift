/// How an experiment tunes: ours, or what arXiv 2409.06927 and its notebook do.
///
/// docs/experiment.md has the two beside each other.
package struct Recipe: Sendable, Hashable {
    /// What it is called.
    package enum Name: String, Sendable, CaseIterable {
        case ours
        case paper
    }

    package let name: Name
    /// Everything about a run but its rates: the same for every method, save for the size of batches.
    package private(set) var tuning: TuningOptions
    /// Examples of a step where the token loss is the only one.
    package let tokenBatchSize: Int
    /// Learning rates to choose from: of the weights that representation terms reach, or of all in token tuning.
    package let learningRates: [Double]
    /// The learning rate of weights that only the token loss reaches, beside a representation loss, over that of the others.
    package let tokenShare: Double
    /// Whether the token loss reaches the norms of its blocks too.
    package let tunesNorms: Bool
    /// Whether the pull toward a direction alone has a token loss beside it whose target is both completions alike.
    package let keepsBothCompletions: Bool
    /// What the token loss is multiplied by beside a representation loss.
    package let tokenWeight: Float
    /// Whether the last state is kept, or the best by validation.
    package let isValidated: Bool
    /// The runs of blocks to choose from, as parts of the model's: where each begins, and how long it is.
    package let blockStarts: [Double]
    package let blockShare: Double

    /// What experiments use unless they are told otherwise: short runs, with a rate that is chosen on validation.
    package static let ours: Recipe = {
        var tuning = TuningOptions()
        tuning.epochs = 1
        tuning.earlyStop.patience = nil
        return Recipe(
            name: .ours, tuning: tuning, tokenBatchSize: tuning.batchSize,
            learningRates: [3e-4, 9e-4], tokenShare: 0.1, tunesNorms: false,
            keepsBothCompletions: false, tokenWeight: 0.01, isValidated: false,
            blockStarts: [1.0 / 3, 1.0 / 2], blockShare: 0.2)
    }()

    /// As the notebook published with arXiv 2409.06927 runs: rates that are fixed, three passes, no clipping, an early
    /// stop by validation, blocks 11 to 17 of 40.
    package static let paper: Recipe = {
        var tuning = TuningOptions()
        tuning.epochs = 3
        tuning.optimizer = AdamW.Options(epsilon: 1e-4, weightDecay: 0.1)
        tuning.schedule = LearningRateSchedule(.linear, warmUp: 10)
        tuning.gradientLimit = nil
        tuning.validationBatches = 20
        tuning.earlyStop = EarlyStop.Options(patience: 10, minimumSteps: 80)
        return Recipe(
            name: .paper, tuning: tuning, tokenBatchSize: 2, learningRates: [1e-5],
            tokenShare: 0.1, tunesNorms: true, keepsBothCompletions: true, tokenWeight: 0.01,
            isValidated: true, blockStarts: [11.0 / 40], blockShare: 7.0 / 40)
    }()

    package init(_ name: Name) {
        self = name == .ours ? .ours : .paper
    }

    private init(
        name: Name, tuning: TuningOptions, tokenBatchSize: Int, learningRates: [Double],
        tokenShare: Double, tunesNorms: Bool, keepsBothCompletions: Bool, tokenWeight: Float,
        isValidated: Bool, blockStarts: [Double], blockShare: Double
    ) {
        self.name = name
        self.tuning = tuning
        self.tokenBatchSize = tokenBatchSize
        self.learningRates = learningRates
        self.tokenShare = tokenShare
        self.tunesNorms = tunesNorms
        self.keepsBothCompletions = keepsBothCompletions
        self.tokenWeight = tokenWeight
        self.isValidated = isValidated
        self.blockStarts = blockStarts
        self.blockShare = blockShare
    }

    /// The runs of blocks to choose from in a model of so many, each once.
    package func blockChoices(of blockCount: Int) -> [ClosedRange<Int>] {
        let length = max(1, Int(Double(blockCount) * blockShare))
        let starts = blockStarts.map { min(blockCount - 1, Int(Double(blockCount) * $0 + 1e-9)) }
        return Set(starts).sorted().map { $0...min(blockCount - 1, $0 + length - 1) }
    }
}
