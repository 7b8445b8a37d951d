import Formats
import Glibc
package import Transformer

/// Finds vectors that make a frozen model write given sentences: latent steering vectors (Subramani, Suresh and Peters,
/// arXiv 2205.05124).
///
/// For each sentence x a vector z is sought that maximises Σ log p(xₜ | x₍<t₎, z), where z is added to the residual stream
/// at one place at every token. It begins at numbers drawn from a seed, as `torch.nn.init.xavier_normal_` draws a row, and
/// goes by Adam, its rate falling to 0 along half a cosine, until every token of the sentence has more than half of the
/// probability, which no rounding takes from greedy decoding, or the steps are made; it is then the best that it was.
///
/// Sentences go through the model packed together, each with a vector of its own; the blocks below the place are run once.
package final class LatentSearch {
    /// How vectors are sought.
    package struct Options: Sendable, Hashable {
        /// Updates of a vector at most.
        package var steps: Int
        /// Adam's rate at the first step, over the size of the stream's values: the root of their mean square at the place, in
        /// the median token of the sentence.
        package var learningRate: Double
        /// Decides where the vectors begin.
        package var seed: UInt64

        package init(steps: Int = 500, learningRate: Double = 0.3, seed: UInt64 = 0) {
            self.steps = steps
            self.learningRate = learningRate
            self.seed = seed
        }
    }

    private let decoder: Decoder
    private let site: Site
    private let options: Options
    private let schedule = LearningRateSchedule(.cosine)
    /// Adam without decay.
    private let adam = AdamW.Options(weightDecay: 0)
    /// Rows that go through the blocks together: the bound on activation memory.
    private static let rowsPerPass = 1024
    /// Below this loss a token has more than half of the probability.
    private static let certain = log(2.0)

    package init(_ decoder: Decoder, site: Site, options: Options) {
        self.decoder = decoder
        self.site = site
        self.options = options
    }

    /// The vectors of sentences at the site of a block.
    ///
    /// - Parameters:
    ///   - sentences: what is written is each one's completion; of none is it empty, or the prompt before it.
    ///   - starts: for each sentence a number; sentences of one number begin at the same vector.
    ///   - progress: called with steps done and in all; a sentence that needs no more has done all of its own.
    /// - Throws: `ExtractionError.notFinite`; what the decoder throws.
    package func vectors(
        of sentences: [TokenSequence], starts: [Int], block: Int,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> [LatentVector] {
        let pass = try GradientPass(decoder)
        let total = sentences.count * options.steps
        var found: [LatentVector] = []
        for group in Packing.groups(sentences.map(\.tokens.count), limit: Self.rowsPerPass) {
            let before = found.count * options.steps
            let variables = try self.variables(
                Array(sentences[group]), starts: Array(starts[group]), block: block)
            try begin(variables, pass, block: block)
            try search(variables, pass, block: block) { progress(before + $0, total) }
            found += try variables.map { try $0.vector(written: decode($0, block: block)) }
        }
        return found
    }

    // MARK: - One group

    /// Vectors of zeros, with what the sentences are below the place.
    private func variables(
        _ sentences: [TokenSequence], starts: [Int], block: Int
    ) throws -> [LatentVariable] {
        // What the last token predicts is not asked for.
        let inputs = sentences.map { Array($0.tokens.dropLast()) }
        let entries = try PrefixCache(decoder, blocks: block, interventions: [], byteLimit: 0)
            .sequences(inputs)
        return zip(zip(sentences, starts), entries).map { sentence, entry in
            LatentVariable(
                sentence.0, entry: entry,
                start: start(sentence.1, block: block))
        }
    }

    /// Where a vector begins: normally distributed with the variance 2 / (1 + hidden size).
    private func start(_ number: Int, block: Int) -> [Float] {
        let width = decoder.configuration.sizes.hiddenSize
        var seeder = SplitMix64(seed: options.seed)
        var random = Xoshiro256(
            seed: seeder.next() &+ UInt64(block) &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(number))
        let deviation = (2 / Double(1 + width)).squareRoot()
        return (0..<width).map { _ in
            // Box and Muller; the logarithm's argument is never 0.
            let radius = (-2 * log(1 - random.nextUnit())).squareRoot()
            return Float(deviation * radius * cos(2 * .pi * random.nextUnit()))
        }
    }

    /// Measures the sentences with nothing added, and sets the vectors to where they begin.
    private func begin(
        _ variables: [LatentVariable], _ pass: GradientPass, block: Int
    ) throws {
        try forward(variables, pass, block: block)
        let losses = losses(variables, pass, gradients: nil)
        for (index, variable) in variables.enumerated() {
            let squares = pass.sequences[index].map { row in
                pass.withStream(site, block: block, row: row) { stream in
                    stream.indices.reduce(0.0) { $0 + Double(stream[$1]) * Double(stream[$1]) }
                }
            }.sorted()
            let width = Double(decoder.configuration.sizes.hiddenSize)
            let size = (squares[squares.count / 2] / width).squareRoot()
            guard variable.note(losses[index]), size.isFinite else {
                throw ExtractionError.notFinite(block: block, place: variable.sentence.place)
            }
            variable.begin(streamSize: size)
        }
    }

    private func search(
        _ variables: [LatentVariable], _ pass: GradientPass, block: Int,
        progress: (Int) -> Void
    ) throws {
        var active = variables
        for step in 0...options.steps {
            try forward(active, pass, block: block)
            let gradients = StreamGradients(pass)
            let losses = losses(active, pass, gradients: gradients)
            let slopes =
                step < options.steps ? pass.gradientsOfAdditions(gradients) : []
            var rest: [(variable: LatentVariable, slope: [Float])] = []
            for (index, variable) in active.enumerated() {
                // One that has left the finite numbers stays at its best.
                let isFinite = variable.note(losses[index])
                let isCertain = losses[index].allSatisfy { $0 < Self.certain }
                guard isFinite, !isCertain, step < options.steps else { continue }
                rest.append((variable, slopes[index]))
            }
            let rate = options.learningRate * schedule.factor(step: step, of: options.steps)
            for (variable, slope) in rest {
                variable.update(
                    slope,
                    adam.factors(learningRate: rate * variable.streamSize, step: step + 1))
            }
            active = rest.map(\.variable)
            let done = (variables.count - active.count) * options.steps + active.count * (step + 1)
            progress(min(done, variables.count * options.steps))
            if active.isEmpty { return }
        }
    }

    private func forward(
        _ variables: [LatentVariable], _ pass: GradientPass, block: Int
    ) throws {
        try pass.forward(
            variables.map(\.entry),
            blocks: min(
                block, decoder.configuration.lastStart)..<decoder.configuration.sizes.blockCount,
            additions: SequenceAdditions(
                site: site, block: block, vectors: variables.map(\.values.values)))
    }

    /// The losses of each sentence's tokens; the gradients are of their means.
    private func losses(
        _ variables: [LatentVariable], _ pass: GradientPass, gradients: StreamGradients?
    ) -> [[Double]] {
        var targets: [LogitTarget] = []
        for (variable, rows) in zip(variables, pass.sequences) {
            let sentence = variable.sentence
            for token in sentence.promptCount..<sentence.tokens.count {
                targets.append(
                    LogitTarget(
                        token: sentence.tokens[token], row: rows.lowerBound + token - 1,
                        weight: 1 / Float(sentence.tokens.count - sentence.promptCount)))
            }
        }
        var rest = pass.lossesOnLogits(targets, gradients: gradients)[...]
        return variables.map { variable in
            let count = variable.sentence.tokens.count - variable.sentence.promptCount
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
    }

    /// What the model writes with the best vector, token by token.
    private func decode(_ variable: LatentVariable, block: Int) throws -> [Int] {
        let sentence = variable.sentence
        var generator = try TextGenerator(
            decoder,
            options: TextGenerator.Options(
                maximumTokens: sentence.tokens.count - sentence.promptCount,
                interventions: [Intervention(site: site, block: block, vector: variable.best)]))
        return try generator.generate(from: Array(sentence.tokens[..<sentence.promptCount])).tokens
    }
}

/// A vector on its way.
private final class LatentVariable {
    let sentence: TokenSequence
    let entry: DecoderSlice
    let values: FloatBuffer
    /// The vector with the lowest loss.
    private(set) var best: [Float] = []
    /// The root mean square of the stream's values.
    private(set) var streamSize = 0.0
    private var loss = Double.infinity
    private var lossWithout = 0.0
    private var steps = 0
    private let start: [Float]
    private let first: FloatBuffer
    private let second: FloatBuffer

    /// A vector of zeros.
    init(_ sentence: TokenSequence, entry: DecoderSlice, start: [Float]) {
        self.sentence = sentence
        self.entry = entry
        self.start = start
        values = FloatBuffer(count: start.count)
        first = FloatBuffer(count: start.count)
        second = FloatBuffer(count: start.count)
    }

    /// Takes what was measured for the loss without the vector, and goes to where it begins.
    func begin(streamSize: Double) {
        self.streamSize = streamSize
        lossWithout = loss
        (loss, best) = (.infinity, start)
        values.replace(with: start)
    }

    /// Takes the losses of the sentence's tokens with the vector as it is.
    ///
    /// - Returns: whether they are finite.
    func note(_ losses: [Double]) -> Bool {
        let mean = Statistics.mean(losses)
        if mean < loss { (loss, best) = (mean, values.values) }
        return mean.isFinite
    }

    func update(_ gradient: [Float], _ factors: AdamWFactors) {
        adamWUpdate(
            values: values.floats, first: first.floats, second: second.floats, gradient: gradient,
            factors: factors, count: values.count)
        steps += 1
    }

    func vector(written: [Int]) -> LatentVector {
        LatentVector(
            values: best, lossWithout: lossWithout, loss: loss, steps: steps,
            sentence: Array(sentence.tokens[sentence.promptCount...]), written: written)
    }
}
