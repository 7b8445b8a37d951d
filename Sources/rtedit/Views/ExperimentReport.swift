import Tuning

/// An experiment as a page of HTML: what `ExperimentPage` says of each trait.
struct ExperimentReport {
    let model: String
    let parts: [ExperimentPage]

    func html(source: PageSource) -> String {
        let title = "Experiment on \(model)"
        let body = "<h1>\(SVG.escaped(title))</h1>" + parts.map(Self.section).joined()
        return HTMLPage(title: "rtedit experiment: \(model)", body: body, source: source).html
    }

    private static func section(_ part: ExperimentPage) -> String {
        HTMLPage.section(
            part.title,
            HTMLPage.paragraph(part.choiceLine)
                + HTMLPage.table("Claims", ExperimentPage.claimTitles, part.claimRows, wraps: true)
                + part.drawings.map { HTMLPage.chart($0.content) }.joined()
                + HTMLPage.table("Conditions", ExperimentPage.titles, part.rows)
                + HTMLPage.table(
                    "Greedy answers to the first held-out prompt", ["condition", "answer"],
                    part.samples, wraps: true))
    }
}
