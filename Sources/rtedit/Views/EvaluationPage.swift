import Transformer
import Tuning

/// An evaluation as a page of HTML.
struct EvaluationPage {
    let model: String
    /// The SPECs that the model is steered with.
    let steering: [String]
    let bootstrap: Bootstrap
    var probes: (probes: [Probe], result: ProbeResult)?
    var perplexity: (result: Perplexity, windows: SlidingWindows)?
    var divergence: (result: Divergence, other: String)?

    func html(source: PageSource) -> String {
        let body =
            "<h1>\(SVG.escaped("Evaluation of \(model)"))</h1>"
            + HTMLPage.verdict(verdict) + categories + everyProbe + text + distance
        return HTMLPage(title: "rtedit eval: \(model)", body: body, source: source).html
    }

    private var verdict: [String] {
        var lines = [
            steering.isEmpty
                ? "Without steering." : "Steered with \(steering.joined(separator: ", "))."
        ]
        if let result = probes?.result {
            let margin = EvaluationView.text(result.marginInterval(bootstrap)) {
                Quantity.fixed($0, 3)
            }
            let accuracy = EvaluationView.text(
                result.accuracyInterval(bootstrap), Quantity.percent)
            lines.append(
                "\(result.items.count) probes: margin \(Quantity.fixed(result.meanMargin, 3)) nats (95 %: "
                    + "\(margin)), \(Quantity.percent(result.accuracy)) right (95 %: \(accuracy)).")
        }
        if let result = perplexity?.result {
            let interval = EvaluationView.text(result.interval(bootstrap)) {
                Quantity.fixed($0, 3)
            }
            lines.append(
                "Perplexity \(Quantity.fixed(result.value, 4)) (95 %: \(interval)), "
                    + "\(result.predictedCount) tokens predicted.")
        }
        if let divergence {
            lines.append(
                "KL(\(divergence.other) || model) \(EvaluationView.nats(divergence.result.mean)) nats in the mean."
            )
        }
        return lines
    }

    // MARK: - Probes

    private var categories: String {
        guard let result = probes?.result else { return "" }
        let found = result.categories
        let parts =
            (found.count > 1 ? found.map { ($0.name ?? "-", $0.result) } : []) + [
                ("all", result)
            ]
        func chart(
            _ title: String, _ unit: String, mark: Double,
            _ value: (ProbeResult) -> Double,
            _ interval: (ProbeResult) -> Bootstrap.Interval?
        ) -> String {
            let rows = parts.enumerated().map { index, part in
                IntervalChart.Row(
                    name: part.0, value: value(part.1),
                    interval: interval(part.1).map { ($0.lower, $0.upper) },
                    color: SVG.Ink.series[index == parts.count - 1 ? 0 : 1].use)
            }
            return HTMLPage.chart(
                IntervalChart(title: title, unit: unit, rows: rows, mark: mark).drawing)
        }
        return HTMLPage.section(
            "Probes",
            HTMLPage.paragraph(
                "The margin is the log probability of the correct completion less that of the likeliest other one. Bars: "
                    + "95 % bootstrap intervals over probes.")
                + chart(
                    "Margin", "nats", mark: 0, { $0.meanMargin },
                    { $0.marginInterval(bootstrap) })
                + chart(
                    "Share of right choices", "share", mark: 0.5, { $0.accuracy },
                    { $0.accuracyInterval(bootstrap) })
                + HTMLPage.table(
                    "By category", EvaluationView.probeTitles,
                    EvaluationView.probeRows(result, bootstrap)))
    }

    private var everyProbe: String {
        guard let probes else { return "" }
        let rows = zip(probes.probes, probes.result.items).map { probe, item in
            [
                probe.prompt.question, probe.choices[probe.correct],
                item.isRight ? "right" : "wrong",
                Quantity.fixed(item.margin, 3), item.category ?? "-",
            ]
        }
        return HTMLPage.section(
            "Every probe",
            HTMLPage.table(
                "In the order of the file",
                ["prompt", "correct completion", "answer", "margin", "category"], rows,
                wraps: true))
    }

    // MARK: - Text

    private var text: String {
        guard let perplexity else { return "" }
        let points = perplexity.result.windows.enumerated().map { index, window in
            (x: Double(index + 1), y: window.loss / Double(max(window.predictedCount, 1)))
        }
        let (result, windows) = perplexity
        return HTMLPage.section(
            "Text",
            HTMLPage.chart(
                LineChart(
                    title: "Loss along the text", across: "window", unit: "nats a token",
                    lines: [.init(name: "mean loss of a window", points: points, index: 0)],
                    mark: result.meanLoss
                ).drawing)
                + HTMLPage.list([
                    "loss \(Quantity.fixed(result.meanLoss, 6)) nats a token",
                    "\(result.tokenCount) tokens, \(result.predictedCount) of them predicted, in "
                        + "\(result.windows.count) windows of \(windows.length), \(windows.stride) apart",
                ]))
    }

    private var distance: String {
        guard let divergence else { return "" }
        return HTMLPage.section(
            "Distance from \(divergence.other)",
            HTMLPage.table(
                "KL in nats at \(divergence.result.positions) positions",
                EvaluationView.divergenceTitles, [EvaluationView.divergenceRow(divergence.result)]))
    }
}
