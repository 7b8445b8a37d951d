import Tuning

/// A sweep as a page of HTML.
struct SweepPage {
    let view: SweepView
    let source: PageSource

    var html: String {
        var body = "<h1>\(SVG.escaped("Sweep in \(view.model)"))</h1>"
        body += HTMLPage.verdict([view.verdict, view.measuredOn])
        body += HTMLPage.section(
            "Curves",
            HTMLPage.paragraph(
                "A line for each set of blocks, from the plain model at 0 on. Grey lines are the limits of KL and "
                    + "perplexity; what lies far beyond them is in the table only.")
                + view.charts.map { HTMLPage.chart($0.drawing) }.joined())
        body += HTMLPage.section(
            "Figures",
            HTMLPage.paragraph(
                "Stream is what the vector adds, summed over the blocks, in units of the stream's length. Intervals are "
                    + "95 % bootstrap over probes. Of the rows on the front no other is better in all figures."
            )
                + HTMLPage.table("Every steering", view.titles, view.rows))
        if !view.prompts.isEmpty { body += HTMLPage.section("Answers, side by side", answers) }
        return HTMLPage(title: "rtedit sweep: \(view.model)", body: body, source: source).html
    }

    private var answers: String {
        return HTMLPage.table(
            "Greedy answers", ["steering"] + view.prompts,
            zip(view.names, view.answers).map { [$0] + $1 }, wraps: true)
    }
}
