import Formats
import Tuning

/// How measurements are shown: as text, and as members of the JSON report.
struct EvaluationView {
    let console: Console
    let bootstrap: Bootstrap

    // MARK: - Probes

    /// Prints the table of a probe, overall and by category.
    func show(_ result: ProbeResult) -> [JSONObject.Member] {
        var table = Table(
            Self.probeTitles.enumerated().map { $0 == 0 ? .left($1) : .right($1) })
        for row in Self.probeRows(result, bootstrap) { table.add(row) }
        console.print(table)
        let own = result.items.map { item in
            JSONValue.object(
                JSONObject([
                    .init("category", item.category.map { .string($0) } ?? .null),
                    .init("correct", .integer(item.correct)), .init("right", .bool(item.isRight)),
                    .init("margin", .number(item.margin)),
                    .init("log_probabilities", .array(item.logProbabilities.map { .number($0) })),
                ]))
        }
        let rows = result.categories.map { name, result in
            JSONValue.object(
                JSONObject(
                    [.init("category", name.map { .string($0) } ?? .null)] + members(result)))
        }
        return members(result) + [.init("categories", .array(rows)), .init("rows", .array(own))]
    }

    static let probeTitles = ["category", "probes", "margin", "95 %", "accuracy", "95 %"]

    /// A row for each category, where there are several, and one for all probes.
    static func probeRows(_ result: ProbeResult, _ bootstrap: Bootstrap) -> [[String]] {
        let categories = result.categories
        let parts = categories.count > 1 ? categories.map { ($0.name ?? "-", $0.result) } : []
        return (parts + [("all", result)]).map { name, result in
            [
                name, "\(result.items.count)", Quantity.fixed(result.meanMargin, 3),
                text(result.marginInterval(bootstrap)) { Quantity.fixed($0, 3) },
                Quantity.percent(result.accuracy),
                text(result.accuracyInterval(bootstrap)) { Quantity.percent($0) },
            ]
        }
    }

    private func members(_ result: ProbeResult) -> [JSONObject.Member] {
        [
            .init("probes", .integer(result.items.count)),
            .init("margin", .number(result.meanMargin)),
            .init("margin_interval", Self.json(result.marginInterval(bootstrap))),
            .init("accuracy", .number(result.accuracy)),
            .init("accuracy_interval", Self.json(result.accuracyInterval(bootstrap))),
        ]
    }

    // MARK: - Text

    /// Prints the perplexity of a text.
    func show(_ result: Perplexity, windows: SlidingWindows) -> [JSONObject.Member] {
        let interval = result.interval(bootstrap)
        let error = interval.map { " ± \(Quantity.fixed($0.standardError, 3))" } ?? ""
        console.print("perplexity  \(Quantity.fixed(result.value, 4))\(error)", style: .strong)
        if let interval {
            console.print("95 %        \(Self.text(interval) { Quantity.fixed($0, 4) })")
        }
        console.print("loss        \(Quantity.fixed(result.meanLoss, 6)) nats a token")
        console.print(
            "tokens      \(result.tokenCount), \(result.predictedCount) of them predicted, in "
                + "\(result.windows.count) windows of \(windows.length), \(windows.stride) apart")
        return [
            .init("perplexity", .number(result.value)),
            .init("perplexity_interval", Self.json(interval)),
            .init("standard_error", interval.map { .number($0.standardError) } ?? .null),
            .init("loss", .number(result.meanLoss)),
            .init("tokens", .integer(result.tokenCount)),
            .init("predicted", .integer(result.predictedCount)),
            .init("windows", .integer(result.windows.count)),
            .init("window", .integer(windows.length)), .init("stride", .integer(windows.stride)),
            .init("rows", .array(result.windows.map(Self.json))),
        ]
    }

    private static func json(_ window: Perplexity.Window) -> JSONValue {
        .object(
            JSONObject([
                .init("predicted", .integer(window.predictedCount)),
                .init("loss", .number(window.loss / Double(max(window.predictedCount, 1)))),
            ]))
    }

    // MARK: - Two models

    /// Prints how far the model is from another.
    func show(_ result: Divergence, against other: String) -> [JSONObject.Member] {
        console.print(
            "KL(\(other) || model) in nats at \(result.positions) positions", style: .strong)
        var table = Table(Self.divergenceTitles.map(Table.Column.right))
        table.add(Self.divergenceRow(result))
        console.print(table)
        let object = JSONObject([
            .init("positions", .integer(result.positions)), .init("kl_mean", .number(result.mean)),
            .init("kl_median", .number(result.median)),
            .init("kl_p95", .number(result.percentile95)),
            .init("kl_max", .number(result.largest)),
            .init("kl_reverse_mean", .number(result.reverseMean)),
            .init("top1_agreement", .number(result.topAgreement)),
        ])
        return [.init("divergence", .object(object))]
    }

    static let divergenceTitles = [
        "mean", "median", "p95", "max", "reverse mean", "same top token",
    ]

    static func divergenceRow(_ result: Divergence) -> [String] {
        [
            nats(result.mean), nats(result.median), nats(result.percentile95),
            nats(result.largest), nats(result.reverseMean), Quantity.percent(result.topAgreement),
        ]
    }

    /// Small divergences keep their digits.
    static func nats(_ value: Double) -> String {
        value >= 0.001 || value == 0 ? Quantity.fixed(value, 4) : Quantity.scientific(value, 2)
    }

    // MARK: - Intervals

    static func text(
        _ interval: Bootstrap.Interval?, _ number: (Double) -> String
    ) -> String {
        interval.map { "\(number($0.lower)) to \(number($0.upper))" } ?? "-"
    }

    static func json(_ interval: Bootstrap.Interval?) -> JSONValue {
        interval.map { .array([.number($0.lower), .number($0.upper)]) } ?? .null
    }
}
