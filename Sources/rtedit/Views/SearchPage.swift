import Tuning

/// A search as a page of HTML.
struct SearchPage {
    let view: SearchView

    var html: String {
        var body = "<h1>\(SVG.escaped("Search in \(view.model)"))</h1>"
        body += "<div class=\"verdict\"><p>\(SVG.escaped(view.question))</p>"
        body += "<p>\(SVG.escaped(view.verdict))</p>"
        if let bake = view.bakeLine { body += "<p>\(SVG.escaped(bake))</p>" }
        body += "<p>\(SVG.escaped(view.plainLine))</p></div>"
        body += HTMLPage.section("The front", view.frontDrawing)
        body += HTMLPage.table(SearchView.titles, view.rows)
        body += HTMLPage.section("Single blocks", view.blockDrawing)
        return HTMLPage(title: "rtedit search: \(view.model)", body: body).html
    }
}
