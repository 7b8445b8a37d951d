/// How large an experiment is, and what it is judged by. All of it is fixed before anything is measured.
package struct ExperimentOptions: Sendable, Hashable {
    /// Of every draw of data: which pairs, probes and windows of text are used.
    package var seed: UInt64 = 0
    /// Runs of the tuned conditions that decide a claim, each with its own part and order of the training data.
    package var decidingSeeds = 8
    /// Runs of the other tuned conditions.
    package var otherSeeds = 3
    package var recipe = Recipe.ours
    /// Training examples of a run at most, drawn for each seed.
    package var exampleLimit = 96
    /// Contrast pairs that the direction is found from at most.
    package var pairLimit = 128
    /// Probes that later steering and doses are measured on.
    package var steeredProbes = 64
    /// Validation probes that choices are made on at most.
    package var validationProbes = 60
    /// Tokens of a window of text.
    package var windowTokens = 512
    /// Tokens of the windows on which strengths are matched; no other use is made of them.
    package var matchingTokens = 6144
    /// Tokens of the windows that perplexity is reported on; tuned conditions read an equal part with each seed.
    package var textTokens = 24_576
    /// Every condition is brought to this many times the untuned model's perplexity.
    package var perplexityRatio = 1.1
    /// How far the logarithm of the ratio may be off on the matching windows.
    package var matchingTolerance = 0.004
    /// How far a tuned model goes along the line from the untuned weights through its own, where 1 is its own.
    package var greatestTunedStrength = 2.0
    /// The most times the vector is added online.
    package var greatestOnlineStrength = 4.0
    /// The smallest difference of mean log-odds that matters, in nats.
    package var smallestLogOdds = 0.5
    /// The smallest difference of shares of probes that matters.
    package var smallestShare = 0.05
    /// Parts of the matched strength that doses are measured at, beside the matched one.
    package var doses = [0.5, 1.5]
    /// Tokens of an answer to a free prompt.
    package var freeTokens = 32

    package init() {}

    /// How many seeds a condition is run with.
    func seeds(of condition: Condition) -> Int {
        guard condition.isTuned else { return 1 }
        return condition.method.decides ? decidingSeeds : min(otherSeeds, decidingSeeds)
    }
}
