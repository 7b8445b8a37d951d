import Formats
import Glibc
import Transformer

/// What an experiment chooses on validation, every candidate at the same perplexity of prose: blocks, online strengths,
/// and a learning rate for each method.
struct ExperimentChoice {
    let experiment: Experiment
    let directions: [Int: [Float]]
    let validation: [ModelEvaluator.Question]
    /// To which side the untuned model leans; rates are chosen toward the other, where there is most to reach.
    let leansPositive: Bool

    /// - Parameter methods: those that tune and will be run.
    /// - Throws: what tuning and the decoder throw; file errors.
    func choices(methods: Set<Condition.Method>) throws -> Choices {
        let blockCount = experiment.decoder.configuration.sizes.blockCount
        var best: (blocks: ClosedRange<Int>, sum: Double, strengths: [Bool: Double])?
        for blocks in experiment.options.recipe.blockChoices(of: blockCount) {
            let found = try [true, false].map { ($0, try online(blocks, isPositive: $0)) }
            let sum = found.reduce(0) { $0 + $1.1.score }
            if sum > best?.sum ?? -.infinity {
                let strengths = found.map { ($0.0, $0.1.strength) }
                best = (blocks, sum, Dictionary(uniqueKeysWithValues: strengths))
            }
        }
        guard let best else { throw ExperimentError.notFinite }
        var choices = Choices(
            blocks: best.blocks, strengths: best.strengths, learningRates: [:], guesses: [:])
        experiment.shareBlocks(below: best.blocks.lowerBound)
        let trainer = experiment.trainer(directions, validation)
        for method in Condition.Method.allCases where methods.contains(method) && method.isMatched {
            let found = try rate(for: method, best.blocks, trainer)
            choices.learningRates[method] = found.rate
            choices.guesses[method] = found.strength
        }
        // Tuning away has the losses of tuning toward.
        choices.learningRates[.away] =
            choices.learningRates[.both] ?? experiment.options.recipe.learningRates[0]
        return choices
    }

    /// The strength of the vector at the wanted perplexity, and the validation margin to that side there.
    private func online(
        _ blocks: ClosedRange<Int>, isPositive: Bool
    ) throws -> (strength: Double, score: Double) {
        let sign = isPositive ? 1.0 : -1.0
        let key =
            "online \(isPositive ? "+" : "−") blocks \(blocks.lowerBound)-\(blocks.upperBound)"
        let found = try matched(
            key, guess: 0.6, greatest: experiment.options.greatestOnlineStrength
        ) { strength in
            (
                experiment.decoder,
                experiment.interventions(directions, blocks, strength: sign * strength)
            )
        }
        let margin = try experiment.validated(
            key, validation, by: experiment.decoder,
            steered: experiment.interventions(
                directions, blocks, strength: sign * found.strength))
        return (found.strength, sign * margin)
    }

    /// The rate with the best validation margin at the wanted perplexity, and the strength that this took.
    private func rate(
        for method: Condition.Method, _ blocks: ClosedRange<Int>, _ trainer: ExperimentTraining
    ) throws -> (rate: Double, strength: Double) {
        let condition = Condition(method, isPositive: !leansPositive)
        let rates = experiment.options.recipe.learningRates
        guard rates.count > 1 else { return (rates[0], 1) }
        var best = (rate: rates[0], strength: 1.0, score: -Double.infinity)
        for rate in rates {
            let key = "\(condition.name) rate \(rate)"
            var line: TunedLine?
            func tuned(_ strength: Double) throws -> Decoder {
                let known =
                    try line
                    ?? trainer.line(
                        for: condition, experiment.training(seed: 0), blocks: blocks,
                        learningRate: rate, seed: 0)
                line = known
                known.move(to: strength)
                return known.model.decoder
            }
            let found: StrengthMatch.Result
            do {
                found = try matched(
                    key, guess: 1, greatest: experiment.options.greatestTunedStrength
                ) { (try tuned($0), []) }
            } catch ExperimentError.diverged(let fact) {
                experiment.report("\(key) is left out: \(fact)")
                continue
            }
            let margin =
                try experiment.measured("validation \(key)") {
                    let margins = try experiment.evaluator.margins(
                        validation, of: tuned(found.strength))
                    return JSONObject([.init("margin", .number(Statistics.mean(margins)))])
                }["margin"]?.number ?? -.infinity
            let score = condition.isPositive ? margin : -margin
            if score > best.score { best = (rate, found.strength, score) }
        }
        guard best.score > -.infinity else {
            throw ExperimentError.diverged(
                fact: "\(condition.name): no learning rate can be chosen; every run diverged")
        }
        return (best.rate, best.strength)
    }

    /// A strength that was matched, from the file or anew.
    private func matched(
        _ key: String, guess: Double, greatest: Double,
        _ model: (Double) throws -> (Decoder, [Intervention])
    ) throws -> StrengthMatch.Result {
        let found = try experiment.measured("matching \(key)") {
            let result: StrengthMatch.Result
            do {
                result = try experiment.match(greatest: greatest, from: guess, model)
            } catch ExperimentError.diverged(let fact) {
                // Kept, so that the record alone says so.
                return JSONObject([.init("diverged", .string(fact))])
            }
            return JSONObject([
                .init("strength", .number(result.strength)), .init("cost", .number(result.cost)),
                .init("is_matched", .bool(result.isReached)),
            ])
        }
        if let fact = found["diverged"]?.string { throw ExperimentError.diverged(fact: fact) }
        guard let strength = found["strength"]?.number, let cost = found["cost"]?.number,
            let isReached = found["is_matched"]?.bool
        else { throw ExperimentError.notFinite }
        return StrengthMatch.Result(strength: strength, cost: cost, isReached: isReached)
    }
}

extension Experiment {
    /// The strength at which a model costs what all conditions are matched to.
    ///
    /// - Parameter model: the model of a strength, and what steers it.
    func match(
        greatest: Double, from guess: Double,
        _ model: (Double) throws -> (Decoder, [Intervention])
    ) throws -> StrengthMatch.Result {
        try StrengthMatch(
            target: log(options.perplexityRatio), tolerance: options.matchingTolerance,
            greatest: greatest
        ).find(from: guess) { strength in
            let (decoder, steering) = try model(strength)
            return try cost(of: decoder, steered: steering)
        }
    }
}
