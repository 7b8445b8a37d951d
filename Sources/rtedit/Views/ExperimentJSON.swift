import Formats
import Tuning

/// The table and the claims of an experiment as scripts read them.
struct ExperimentJSON {
    let outcome: Experiment.Outcome

    private var trait: JSONObject.Member { .init("trait", .string(outcome.trait.name)) }

    var claims: [JSONValue] {
        Claim.all(outcome).map { claim in
            .object(
                JSONObject([
                    trait, .init("claim", .string(claim.text)),
                    .init("difference", .number(claim.difference)),
                    .init("difference_interval", EvaluationView.json(claim.interval)),
                    .init("verdict", .string(claim.verdict.rawValue)),
                ]))
        }
    }

    /// One for each model of the table.
    var conditions: [JSONValue] {
        outcome.summaries.map { summary in
            let figures = [
                ("held_out", summary.heldOut), ("held_out_share", summary.heldOutShare),
                ("unseen_form", summary.unseenForm),
                ("unseen_form_share", summary.unseenFormShare), ("perplexity", summary.perplexity),
            ]
            let cosines = summary.cosines.sorted { $0.key < $1.key }
            return .object(
                JSONObject(
                    [trait, .init("condition", .string(summary.condition.name))]
                        + figures.flatMap { name, figure -> [JSONObject.Member] in
                            [
                                .init(name, .number(figure.value)),
                                .init("\(name)_interval", EvaluationView.json(figure.interval)),
                            ]
                        } + [
                            .init("kl_mean", .number(summary.divergence)),
                            .init(
                                "free_text", summary.freeTextScore.map { .number($0) } ?? .null),
                            .init("plain", .number(summary.plain)),
                            .init("steered_up", .number(summary.steeredUp)),
                            .init("steered_down", .number(summary.steeredDown)),
                            .init(
                                "cosines",
                                .object(
                                    JSONObject(
                                        cosines.map { .init("\($0.key)", .number($0.value)) }))),
                            .init("sample", .string(summary.sample)),
                        ]))
        }
    }
}
