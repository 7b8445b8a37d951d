import Formats
import Tuning

/// The table and the claims of an experiment as scripts read them.
struct ExperimentJSON {
    let page: ExperimentPage

    private var trait: JSONObject.Member { .init("trait", .string(page.outcome.trait.name)) }

    var claims: [JSONValue] {
        page.claims.map { judged in
            .object(
                JSONObject([
                    trait, .init("claim", .string(judged.claim.text)),
                    .init("side", .string(judged.claim.side)),
                    .init("measure", .string(judged.claim.measure.rawValue)),
                    .init("smallest_effect", .number(judged.claim.smallest)),
                    .init("difference", .number(judged.difference)),
                    .init("difference_interval", Self.json(judged.judgement.interval)),
                    .init("p_adjusted", .number(judged.judgement.adjustedLevel)),
                    .init("verdict", .string(judged.judgement.verdict.rawValue)),
                ]))
        }
    }

    /// One for each model of the table.
    var conditions: [JSONValue] {
        page.outcome.summaries.map { summary in
            let figures = [
                ("held_out", summary.heldOut), ("held_out_share", summary.heldOutShare),
                ("unseen_form", summary.unseenForm),
                ("unseen_form_share", summary.unseenFormShare),
                ("perplexity_ratio", summary.ratio),
            ]
            let cosines = summary.cosines.sorted { $0.key < $1.key }
            return .object(
                JSONObject(
                    [
                        trait, .init("condition", .string(summary.condition.name)),
                        .init("seeds", .integer(summary.seeds)),
                        .init("strength", .number(summary.strength)),
                        .init("unmatched", .integer(summary.unmatched)),
                        .init("matched_ratio", .number(summary.matchedRatio)),
                        .init("perplexity", .number(summary.perplexity)),
                    ]
                        + figures.flatMap { name, figure -> [JSONObject.Member] in
                            [
                                .init(name, .number(figure.value)),
                                .init("\(name)_interval", Self.json(figure.interval)),
                            ]
                        } + [
                            .init("kl_mean", .number(summary.divergence)),
                            .init(
                                "free_text", summary.freeTextScore.map { .number($0) } ?? .null),
                            .init("plain", .number(summary.plain)),
                            .init("steered_up", .number(summary.steeredUp)),
                            .init("steered_down", .number(summary.steeredDown)),
                            .init(
                                "doses",
                                .array(
                                    summary.doses.map {
                                        .array([.number($0.ratio), .number($0.logOdds)])
                                    })),
                            .init(
                                "cosines",
                                .object(
                                    JSONObject(
                                        cosines.map { .init("\($0.key)", .number($0.value)) }))),
                            .init(
                                "answers", .array(summary.freeTexts.map { .string($0) })),
                        ]))
        }
    }

    private static func json(_ interval: HierarchicalBootstrap.Interval?) -> JSONValue {
        interval.map { .array([.number($0.lower), .number($0.upper)]) } ?? .null
    }
}
