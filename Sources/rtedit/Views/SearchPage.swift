/// A search as a page of HTML.
struct SearchPage {
    let view: SearchView
    let source: PageSource

    var html: String {
        var body = "<h1>\(SVG.escaped("Search in \(view.model)"))</h1>"
        body += HTMLPage.verdict(
            [view.question, view.verdict] + [view.bakeLine].compactMap(\.self) + [view.plainLine])
        body += HTMLPage.section(
            "The front",
            HTMLPage.chart(view.frontDrawing)
                + HTMLPage.table(
                    "Trials that no other is better than", SearchView.titles, view.rows))
        body += HTMLPage.section("Single blocks", HTMLPage.chart(view.blockDrawing))
        return HTMLPage(title: "rtedit search: \(view.model)", body: body, source: source).html
    }
}
