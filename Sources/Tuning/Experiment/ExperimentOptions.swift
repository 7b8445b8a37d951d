/// How large an experiment is, and what it chooses from.
package struct ExperimentOptions: Sendable, Hashable {
    /// Runs of every tuned condition, each with its own order of the data.
    package var seeds = 3
    package var epochs = 1
    package var batchSize = 4
    /// Examples that tuning uses at most.
    package var exampleLimit = 140
    /// Contrast pairs that the direction is found from at most, evenly spaced over the file.
    package var pairLimit = 64
    /// Probes that later steering is measured on.
    package var steeredProbes = 16
    /// Tokens of a window of text.
    package var windowTokens = 512
    /// Tokens of text that perplexity is measured on; tuned conditions read an equal part with each seed.
    package var textTokens = 50_000
    /// Tokens of other text that bounds what may be chosen.
    package var validationTextTokens = 1024
    /// Validation probes that choices are made on at most.
    package var validationProbes = 60
    /// A choice may raise the perplexity on that text to at most this many times the untuned model's.
    package var perplexityLimit = 1.25
    /// Probes of free text, one where there is no lexicon to judge it by, and tokens written for each.
    package var freeTexts = 10
    package var freeTokens = 24
    /// Online strengths to choose from.
    package var strengths = [0.3, 0.6, 1, 1.5, 2]
    /// Learning rates to choose from, for each method.
    package var learningRates = [1e-4, 3e-4, 9e-4]
    /// What the token loss is multiplied by beside a representation loss.
    package var tokenWeight: Float = 0.01

    package init() {}

    /// Runs of blocks to choose from in a model of so many: a fifth of them, from a third and from the middle on.
    func blockChoices(of blockCount: Int) -> [ClosedRange<Int>] {
        let length = max(1, blockCount / 5)
        let starts = [blockCount / 3, blockCount / 2]
        return Set(starts).sorted().map { $0...min(blockCount - 1, $0 + length - 1) }
    }
}
