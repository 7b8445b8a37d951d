import Formats
import Transformer
import Tuning

/// How near a fit comes to its vectors, in words and as JSON.
struct FitView {
    private let fitting: Fitting

    init(_ fitting: Fitting) {
        self.fitting = fitting
    }

    func show(on console: Console) {
        var table = Table([
            .left("site"), .right("block"), .left("type"), .right("floor"), .right("fit text"),
            .right("unseen"), .right("p95"), .right("as stored"), .right("p95"), .right("change"),
        ])
        for place in fitting.places {
            table.add(
                place.site.rawValue, "\(place.block)", place.type.name,
                place.floor.map { Quantity.fixed($0.mean, 4) } ?? "-",
                Quantity.fixed(place.fitted.mean, 4), Quantity.fixed(place.unseen.mean, 4),
                Quantity.fixed(place.unseen.percentile95, 4),
                Quantity.fixed(place.stored.mean, 4),
                Quantity.fixed(place.stored.percentile95, 4), Quantity.percent(place.change))
        }
        console.print(table)
        let counts = fitting.tokenCounts
        console.print(
            "errors are shares of the vector's length; \(counts.fit) tokens for the fit, \(counts.choice) to choose "
                + "by, \(counts.unseen) unseen")
        let found = fitting.comparison
        console.print(
            "on unseen text, against steering: KL \(Quantity.scientific(found.divergence.mean, 1)) nats (p95 "
                + "\(Quantity.scientific(found.divergence.percentile95, 1)); unbaked "
                + "\(Quantity.scientific(found.baseDivergence.mean, 1))), logits off by "
                + "\(Quantity.scientific(Self.share(found.divergence), 1)) of the largest (unbaked "
                + "\(Quantity.scientific(Self.share(found.baseDivergence), 1))), same likeliest token "
                + Quantity.percent(found.divergence.topAgreement))
        console.print(
            "perplexity: base \(Quantity.fixed(found.perplexities.base, 3)), steered "
                + "\(Quantity.fixed(found.perplexities.steered, 3)), baked "
                + Quantity.fixed(found.perplexities.fitted, 3))
    }

    private static func share(_ divergence: Divergence) -> Double {
        divergence.largestDifference / max(divergence.largestLogit, .leastNormalMagnitude)
    }

    var json: JSONValue {
        let found = fitting.comparison
        let counts = fitting.tokenCounts
        func object(_ divergence: Divergence) -> JSONValue {
            .object(
                JSONObject([
                    .init("kl_mean", .number(divergence.mean)),
                    .init("kl_p95", .number(divergence.percentile95)),
                    .init("kl_max", .number(divergence.largest)),
                    .init("logit_error", .number(Self.share(divergence))),
                    .init("top_agreement", .number(divergence.topAgreement)),
                ]))
        }
        return .object(
            JSONObject([
                .init("error", .number(fitting.error)),
                .init(
                    "tokens",
                    .object(
                        JSONObject([
                            .init("fit", .integer(counts.fit)),
                            .init("choice", .integer(counts.choice)),
                            .init("unseen", .integer(counts.unseen)),
                        ]))),
                .init("places", .array(fitting.places.map(Self.object))),
                .init("against_steering", object(found.divergence)),
                .init("base_against_steering", object(found.baseDivergence)),
                .init(
                    "perplexity",
                    .object(
                        JSONObject([
                            .init("base", .number(found.perplexities.base)),
                            .init("steered", .number(found.perplexities.steered)),
                            .init("baked", .number(found.perplexities.fitted)),
                        ]))),
            ]))
    }

    private static func object(_ place: Fitting.Place) -> JSONValue {
        func residual(_ residual: Fitting.Residual) -> JSONValue {
            .object(
                JSONObject([
                    .init("mean", .number(residual.mean)),
                    .init("p95", .number(residual.percentile95)),
                ]))
        }
        return .object(
            JSONObject([
                .init("site", .string(place.site.rawValue)),
                .init("block", .integer(place.block)), .init("tensor", .string(place.tensor)),
                .init("type", .string(place.type.name)),
                .init("floor", place.floor.map(residual) ?? .null),
                .init("fit", residual(place.fitted)), .init("unseen", residual(place.unseen)),
                .init("stored", residual(place.stored)), .init("ridge", .number(place.ridge)),
                .init("weighting", .number(place.weighting)),
                .init("change", .number(place.change)),
            ]))
    }
}
