import Formats

/// What was measured of one model under one condition.
package struct ExperimentRecord: Sendable, Hashable {
    package let condition: Condition
    package let seed: Int
    /// log p(positive) − log p(negative) for each held-out probe, in nats.
    package var heldOut: [Double]
    package var unseenForm: [Double]
    /// On the first held-out probes, with the vector added and taken away while the model runs.
    package var steeredUp: [Double]
    package var steeredDown: [Double]
    /// Mean −log p of the windows of text that were read.
    package var textLosses: [Double]
    /// KL(untuned ‖ this model) on them.
    package var divergence: Double
    /// Of stream and vector at the trait's position, by block.
    package var cosines: [Int: Double]
    /// Words of the positive side less those of the negative, for every hundred words of free text.
    package var freeTextScore: Double?
    /// The first free text, as an example.
    package var sample: String

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
        ]
        return divergence.isFinite && lists.joined().allSatisfy(\.isFinite)
    }

    var json: JSONObject {
        func numbers(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }
        let blocks = cosines.keys.sorted()
        return JSONObject([
            .init("held_out", numbers(heldOut)), .init("unseen_form", numbers(unseenForm)),
            .init("steered_up", numbers(steeredUp)), .init("steered_down", numbers(steeredDown)),
            .init("text_losses", numbers(textLosses)), .init("divergence", .number(divergence)),
            .init("cosine_blocks", .array(blocks.map { .integer($0) })),
            .init("cosines", numbers(blocks.map { cosines[$0] ?? 0 })),
            .init("free_text_score", freeTextScore.map { .number($0) } ?? .null),
            .init("sample", .string(sample)),
        ])
    }

    /// Reads what `json` gives; nil for anything else.
    init?(_ object: JSONObject, condition: Condition, seed: Int) {
        func numbers(_ key: String) -> [Double]? { object[key]?.array?.compactMap(\.number) }
        guard let heldOut = numbers("held_out"), let unseenForm = numbers("unseen_form"),
            let steeredUp = numbers("steered_up"), let steeredDown = numbers("steered_down"),
            let textLosses = numbers("text_losses"),
            let divergence = object["divergence"]?.number,
            let blocks = object["cosine_blocks"]?.array?.compactMap(\.integer),
            let cosines = numbers("cosines"), cosines.count == blocks.count,
            Set(blocks).count == blocks.count, let sample = object["sample"]?.string
        else { return nil }
        self.condition = condition
        self.seed = seed
        self.heldOut = heldOut
        self.unseenForm = unseenForm
        self.steeredUp = steeredUp
        self.steeredDown = steeredDown
        self.textLosses = textLosses
        self.divergence = divergence
        self.cosines = Dictionary(uniqueKeysWithValues: zip(blocks, cosines))
        freeTextScore = object["free_text_score"]?.number
        self.sample = sample
    }
}
