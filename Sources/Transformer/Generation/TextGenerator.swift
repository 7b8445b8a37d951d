/// Continues a sequence of tokens, one token at a time.
///
///     var generator = try TextGenerator(decoder, options: .init(maximumTokens: 40, stopTokens: [2]))
///     let result = try generator.generate(from: prompt) { token in print(token); return true }
///
/// It works on token ids alone and needs no tokenizer.
package struct TextGenerator {
    /// What bounds and steers a generation.
    package struct Options: Sendable, Hashable {
        /// How many tokens to generate at most.
        package var maximumTokens: Int
        /// Tokens that end the text; they are not part of the result.
        package var stopTokens: Set<Int>
        package var sampling: SamplingOptions
        /// Applied to the prompt and to every generated token.
        package var interventions: [Intervention]

        package init(
            maximumTokens: Int, stopTokens: Set<Int> = [],
            sampling: SamplingOptions = SamplingOptions(),
            interventions: [Intervention] = []
        ) {
            self.maximumTokens = maximumTokens
            self.stopTokens = stopTokens
            self.sampling = sampling
            self.interventions = interventions
        }
    }

    /// Why a generation ended.
    package enum StopReason: Sendable, Hashable {
        case stopToken(Int)
        case maximumTokens
        /// No position is left in the model's context.
        case contextLimit
        /// The caller did not want more.
        case caller
    }

    /// A finished generation.
    package struct Result: Sendable, Hashable {
        /// The generated tokens, without the prompt and without a stop token.
        package let tokens: [Int]
        package let stopReason: StopReason
    }

    private let decoder: Decoder
    private let options: Options
    private var sampler: Sampler
    /// Called with how many tokens of the prompt were run, and of how many, before the first token is chosen.
    package var reading: ((Int, Int) -> Void)?

    /// - Throws: `SamplingError.badOption`.
    package init(_ decoder: Decoder, options: Options) throws(SamplingError) {
        self.decoder = decoder
        self.options = options
        sampler = try Sampler(options.sampling)
    }

    /// Generates until something stops it. Every token is chosen by what a pass over the whole text before it gives: where a
    /// long rope's factors change with the text's length, the text is run anew at that length.
    ///
    /// - Parameters:
    ///   - prompt: the tokens to continue; at least one.
    ///   - memory: what earlier texts of the same decoder left; what this one shares with them is not run again.
    ///   - receive: called with each token as it is chosen; false ends the generation after that token.
    /// - Returns: the generated tokens, and why there are no more.
    /// - Throws: what `Decoder.forward` throws, `SamplingError.noLikelyToken`, and what `receive` throws.
    package mutating func generate(
        from prompt: [Int], memory: GenerationMemory? = nil,
        receive: (Int) throws -> Bool = { _ in true }
    ) throws -> Result {
        let memory = memory ?? GenerationMemory(decoder.configuration)
        let cache = memory.cache
        var tokens: [Int] = []
        var fresh = Array(prompt[memory.begin(prompt, interventions: options.interventions)...])
        while tokens.count < options.maximumTokens {
            guard
                cache.length + fresh.count <= decoder.configuration.positionLimit || tokens.isEmpty
            else {
                return Result(tokens: tokens, stopReason: .contextLimit)
            }
            if decoder.configuration.outgrowsCache(
                of: cache.length, at: cache.length + fresh.count)
            {
                memory.forget()
                fresh = prompt + tokens
            }
            let token = try next(after: fresh, memory, reading: tokens.isEmpty ? reading : nil)
            guard !options.stopTokens.contains(token) else {
                return Result(tokens: tokens, stopReason: .stopToken(token))
            }
            tokens.append(token)
            guard try receive(token) else { return Result(tokens: tokens, stopReason: .caller) }
            fresh = [token]
        }
        return Result(tokens: tokens, stopReason: .maximumTokens)
    }

    /// Runs the new tokens and chooses the one that follows.
    private mutating func next(
        after tokens: [Int], _ memory: GenerationMemory, reading: ((Int, Int) -> Void)?
    ) throws -> Int {
        var chosen: Int?
        var sampler = self.sampler
        let logits = LogitsReceiver(scope: .last) { _, _, logits in
            chosen = try sampler.choose(from: logits)
        }
        try decoder.forward(
            [DecoderSlice(tokens, cache: memory.cache)], interventions: options.interventions,
            observer: reading.map { .progress(in: decoder, count: tokens.count, $0) },
            logits: logits)
        memory.note(tokens)
        self.sampler = sampler
        guard let chosen else { throw ForwardError.noTokens(slice: 0) }
        return chosen
    }
}
