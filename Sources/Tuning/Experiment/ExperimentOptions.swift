/// How large an experiment is, and what it chooses from.
public struct ExperimentOptions: Sendable, Hashable {
    /// Runs of every tuned condition, each with its own order of the data.
    public var seeds = 3
    public var epochs = 1
    public var batchSize = 4
    /// Examples that tuning uses at most.
    public var exampleLimit = 140
    /// Contrast pairs that the direction is found from at most, evenly spaced over the file.
    public var pairLimit = 64
    /// Probes that later steering is measured on.
    public var steeredProbes = 16
    /// Tokens of a window of text.
    public var windowTokens = 512
    /// Tokens of text that perplexity is measured on; tuned conditions read an equal part with each seed.
    public var textTokens = 50_000
    /// Tokens of other text that bounds what may be chosen.
    public var validationTextTokens = 1024
    /// Validation probes that choices are made on at most.
    public var validationProbes = 60
    /// A choice may raise the perplexity on that text to at most this many times the untuned model's.
    public var perplexityLimit = 1.25
    /// Probes of free text, one where there is no lexicon to judge it by, and tokens written for each.
    public var freeTexts = 10
    public var freeTokens = 24
    /// Online strengths to choose from.
    public var strengths = [0.3, 0.6, 1, 1.5, 2]
    /// Learning rates to choose from, for each method.
    public var learningRates = [1e-4, 3e-4, 9e-4]
    /// What the token loss is multiplied by beside a representation loss.
    public var tokenWeight: Float = 0.01

    public init() {}

    /// Runs of blocks to choose from in a model of so many: a fifth of them, from a third and from the middle on.
    func blockChoices(of blockCount: Int) -> [ClosedRange<Int>] {
        let length = max(1, blockCount / 5)
        let starts = [blockCount / 3, blockCount / 2]
        return Set(starts).sorted().map { $0...min(blockCount - 1, $0 + length - 1) }
    }
}
