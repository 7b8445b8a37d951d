import Tuning

/// A run of tuning as a page of HTML.
struct TuningPage {
    let view: TuningView
    let history: TuningHistory
    let names: [String]
    let model: String
    let output: String
    let source: PageSource

    var html: String {
        var body = "<h1>\(SVG.escaped("Tuning of \(model)"))</h1>"
        body += HTMLPage.verdict([view.outcomeLine, "Written: \(output)"])
        body += HTMLPage.section(
            "Before and after",
            HTMLPage.table("Losses and cosines", view.tableTitles, view.tableRows))
        body += HTMLPage.section(
            "Losses",
            HTMLPage.paragraph(
                "In nats or as the objective defines them: each term alone, and the total with its weights. A step's losses "
                    + "are those before its update.")
                + charts.map { HTMLPage.chart($0.drawing) }.joined())
        if !history.validation.isEmpty {
            body += HTMLPage.section(
                "Validations",
                HTMLPage.table(
                    "Every validation", ["step"] + names + ["total", "cosine"],
                    history.validation.map(cells)))
        }
        return HTMLPage(title: "rtedit tune: \(model)", body: body, source: source).html
    }

    private func cells(_ entry: TuningHistory.Entry) -> [String] {
        ["\(entry.step)"] + entry.losses.terms.map { Quantity.fixed($0, 4) } + [
            Quantity.fixed(entry.losses.total, 4),
            entry.losses.cosine.map { Quantity.fixed($0, 4) } ?? "-",
        ]
    }

    private var charts: [LineChart] {
        let parts = [("training", history.training), ("validation", history.validation)]
            .filter { !$0.1.isEmpty }
        let figures: [(name: String, figure: (StepLosses) -> Double?)] =
            names.enumerated().map { index, name in
                (name, { index < $0.terms.count ? $0.terms[index] : nil })
            } + (names.count > 1 ? [("total", { $0.total })] : []) + [("cosine", { $0.cosine })]
        return figures.compactMap { name, figure in
            let lines = parts.enumerated().map { index, part in
                LineChart.Line(
                    name: part.0,
                    points: part.1.compactMap { entry in
                        figure(entry.losses).map { (Double(entry.step), $0) }
                    }, index: index)
            }.filter { !$0.points.isEmpty }
            guard !lines.isEmpty else { return nil }
            return LineChart(
                title: name, across: "steps", unit: name == "cosine" ? "cosine" : "loss",
                lines: lines)
        }
    }
}
