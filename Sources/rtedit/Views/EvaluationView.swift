import Formats
import Tuning

/// How measurements are shown: as text, and as members of the JSON report.
struct EvaluationView {
    let console: Console
    let bootstrap: Bootstrap

    // MARK: - Probes

    /// Prints the table of a probe, overall and by category.
    func show(_ result: ProbeResult) -> [JSONObject.Member] {
        var table = Table([
            .left("category"), .right("probes"), .right("margin"), .right("95 %"),
            .right("accuracy"), .right("95 %"),
        ])
        let categories = result.categories
        let parts = categories.count > 1 ? categories.map { ($0.name ?? "-", $0.result) } : []
        for (name, result) in parts + [("all", result)] {
            table.add(
                name, "\(result.items.count)", Quantity.fixed(result.meanMargin, 3),
                Self.text(result.marginInterval(bootstrap)) { Quantity.fixed($0, 3) },
                Quantity.percent(result.accuracy),
                Self.text(result.accuracyInterval(bootstrap)) { Quantity.percent($0) })
        }
        console.print(table)
        let rows = categories.map { name, result in
            JSONValue.object(
                JSONObject(
                    [.init("category", name.map { .string($0) } ?? .null)] + members(result)))
        }
        return members(result) + [.init("categories", .array(rows))]
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
        ]
    }

    // MARK: - Two models

    /// Prints how far the model is from another.
    func show(_ result: Divergence, against other: String) -> [JSONObject.Member] {
        console.print(
            "KL(\(other) || model) in nats at \(result.positions) positions", style: .strong)
        var table = Table([
            .right("mean"), .right("median"), .right("p95"), .right("max"), .right("reverse mean"),
            .right("same top token"),
        ])
        table.add(
            Self.nats(result.mean), Self.nats(result.median), Self.nats(result.percentile95),
            Self.nats(result.largest), Self.nats(result.reverseMean),
            Quantity.percent(result.topAgreement))
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
