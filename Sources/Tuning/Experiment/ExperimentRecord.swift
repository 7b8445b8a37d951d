import Formats

/// What was measured of one model under one condition.
package struct ExperimentRecord: Sendable, Hashable {
    /// A model at another strength than the matched one.
    package struct Dose: Sendable, Hashable {
        package let strength: Double
        /// log(perplexity / the untuned model's) on the matching windows.
        package let cost: Double
        /// Mean log-odds of the steered probes, in nats.
        package let logOdds: Double
    }

    package let condition: Condition
    package let seed: Int
    /// The multiple of the vector, or of what tuning changed; 0 for the untuned model.
    package var strength: Double
    /// log(perplexity / the untuned model's) on the matching windows, at this strength.
    package var cost: Double
    /// Whether the cost is the one that all are matched to; true where none is.
    package var isMatched: Bool
    /// log p(positive) − log p(negative) for each held-out probe, in nats.
    package var heldOut: [Double]
    package var unseenForm: [Double]
    /// On the steered probes, with the vector added and taken away while the model runs; toward the condition's own side
    /// of the first seed alone, else empty.
    package var steeredUp: [Double]
    package var steeredDown: [Double]
    /// Mean −log p of the reported windows that were read, and which those were.
    package var textLosses: [Double]
    package var textWindows: [Int]
    /// KL(untuned ‖ this model) on them.
    package var divergence: Double
    /// Of stream and vector at the trait's position, by block.
    package var cosines: [Int: Double]
    /// By strength, ascending, without the matched one; empty where none were measured.
    package var doses: [Dose]
    /// Words of the positive side less those of the negative, for every hundred words of free text.
    package var freeTextScore: Double?
    /// Greedy answers to the trait's free prompts, of the first seed alone.
    package var freeTexts: [String]

    /// The record's key in the file of results.
    static func key(_ condition: Condition, seed: Int) -> String {
        "\(condition.name) seed \(seed)"
    }
}

extension ExperimentRecord {
    /// Whether all figures are numbers; JSON has none for others.
    var isFinite: Bool {
        let lists = [
            heldOut, unseenForm, steeredUp, steeredDown, textLosses, Array(cosines.values),
            doses.flatMap { [$0.strength, $0.cost, $0.logOdds] }, [strength, cost, divergence],
        ]
        return lists.joined().allSatisfy(\.isFinite)
    }

    var json: JSONObject {
        func numbers(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }
        func integers(_ values: [Int]) -> JSONValue { .array(values.map { .integer($0) }) }
        let blocks = cosines.keys.sorted()
        return JSONObject([
            .init("strength", .number(strength)), .init("cost", .number(cost)),
            .init("is_matched", .bool(isMatched)),
            .init("held_out", numbers(heldOut)), .init("unseen_form", numbers(unseenForm)),
            .init("steered_up", numbers(steeredUp)), .init("steered_down", numbers(steeredDown)),
            .init("text_losses", numbers(textLosses)), .init("text_windows", integers(textWindows)),
            .init("divergence", .number(divergence)), .init("cosine_blocks", integers(blocks)),
            .init("cosines", numbers(blocks.map { cosines[$0] ?? 0 })),
            .init("dose_strengths", numbers(doses.map(\.strength))),
            .init("dose_costs", numbers(doses.map(\.cost))),
            .init("dose_log_odds", numbers(doses.map(\.logOdds))),
            .init("free_text_score", freeTextScore.map { .number($0) } ?? .null),
            .init("free_texts", .array(freeTexts.map { .string($0) })),
        ])
    }

    /// Reads what `json` gives; nil for anything else.
    init?(_ object: JSONObject, condition: Condition, seed: Int) {
        func numbers(_ key: String) -> [Double]? { object[key]?.array?.compactMap(\.number) }
        func integers(_ key: String) -> [Int]? { object[key]?.array?.compactMap(\.integer) }
        guard let strength = object["strength"]?.number, let cost = object["cost"]?.number,
            let isMatched = object["is_matched"]?.bool,
            let heldOut = numbers("held_out"), let unseenForm = numbers("unseen_form"),
            let steeredUp = numbers("steered_up"), let steeredDown = numbers("steered_down"),
            let textLosses = numbers("text_losses"), let textWindows = integers("text_windows"),
            textLosses.count == textWindows.count,
            let divergence = object["divergence"]?.number,
            let blocks = integers("cosine_blocks"), let cosines = numbers("cosines"),
            cosines.count == blocks.count, Set(blocks).count == blocks.count,
            let strengths = numbers("dose_strengths"), let costs = numbers("dose_costs"),
            let odds = numbers("dose_log_odds"), strengths.count == costs.count,
            odds.count == costs.count,
            let freeTexts = object["free_texts"]?.array?.compactMap(\.string)
        else { return nil }
        self.condition = condition
        self.seed = seed
        self.strength = strength
        self.cost = cost
        self.isMatched = isMatched
        self.heldOut = heldOut
        self.unseenForm = unseenForm
        self.steeredUp = steeredUp
        self.steeredDown = steeredDown
        self.textLosses = textLosses
        self.textWindows = textWindows
        self.divergence = divergence
        self.cosines = Dictionary(uniqueKeysWithValues: zip(blocks, cosines))
        doses = zip(strengths, zip(costs, odds)).map {
            Dose(strength: $0, cost: $1.0, logOdds: $1.1)
        }
        freeTextScore = object["free_text_score"]?.number
        self.freeTexts = freeTexts
    }
}
