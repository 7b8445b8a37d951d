import Foundation

/// A page of HTML that needs nothing beside it, on light and dark ground.
///
/// The page asks for no network: its policy forbids it. Text out of files is escaped by `SVG.escaped`. Whatever may be
/// wider than the window scrolls by itself, by keyboard too.
struct HTMLPage {
    let title: String
    /// What stands in the page, as HTML: a first heading, then sections.
    let body: String
    /// What the page was made of.
    let source: PageSource

    var html: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>\(source.withoutFolders(SVG.escaped(title)))</title>
        <style>\(Self.style)</style>
        </head>
        <body>
        <main>
        \(source.withoutFolders(body + "\n" + source.html))
        </main>
        </body>
        </html>

        """
    }

    // MARK: - Pieces

    /// A part of the page under a heading, which is escaped; the content is HTML.
    static func section(_ title: String, _ content: String) -> String {
        "<section><h2>\(SVG.escaped(title))</h2>\(content)</section>"
    }

    /// A paragraph, escaped.
    static func paragraph(_ text: String) -> String { "<p>\(SVG.escaped(text))</p>" }

    /// What the page comes to, above all else.
    static func verdict(_ lines: [String]) -> String {
        "<div class=\"verdict\">\(lines.map(paragraph).joined())</div>"
    }

    /// Lines with marks, all escaped.
    static func list(_ lines: [String]) -> String {
        lines.isEmpty
            ? "" : "<ul>\(lines.map { "<li>\(SVG.escaped($0))</li>" }.joined())</ul>"
    }

    /// A table, all of whose texts are escaped.
    ///
    /// - Parameters:
    ///   - caption: what the rows are.
    ///   - titles: of the columns; an empty one for a column that its own cells tell.
    ///   - wraps: whether cells are texts that may take several lines.
    static func table(
        _ caption: String, _ titles: [String], _ rows: [[String]], wraps: Bool = false
    ) -> String {
        let head = titles.map { title in
            title.isEmpty ? "<td></td>" : "<th scope=\"col\">\(SVG.escaped(title))</th>"
        }.joined()
        let body = rows.map { row in
            "<tr>\(row.map { "<td>\(SVG.escaped($0))</td>" }.joined())</tr>"
        }.joined(separator: "\n")
        let style = wraps ? " class=\"texts\"" : ""
        let header = titles.contains { !$0.isEmpty } ? "<tr>\(head)</tr>\n" : ""
        return wide(
            caption,
            "<table\(style)><caption>\(SVG.escaped(caption))</caption>\(header)\(body)</table>")
    }

    /// A drawing, with what its colours mean where it does not say so itself.
    static func chart(
        _ drawing: SVG, legend: [(name: String, color: String)] = []
    ) -> String {
        let entries = legend.map {
            "<li><span style=\"background:\($0.color)\"></span>\(SVG.escaped($0.name))</li>"
        }.joined()
        return wide(drawing.title, drawing.inline)
            + (legend.isEmpty ? "" : "<ul class=\"legend\">\(entries)</ul>")
    }

    private static func wide(_ name: String, _ content: String) -> String {
        "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"\(SVG.escaped(name))\">"
            + "\(content)</div>"
    }

    // MARK: - Style

    private static func inks(_ values: (SVG.Ink) -> String) -> String {
        SVG.Ink.all.map { "\($0.name): \(values($0));" }.joined(separator: " ")
    }

    private static let style = """
        :root { color-scheme: light dark; \(inks(\.light)) }
        @media (prefers-color-scheme: dark) { :root { \(inks(\.dark)) } }
        body { font: 15px/1.5 system-ui, sans-serif; margin: 0; background: var(--ground); color: var(--ink); }
        main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
        h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .3rem; }
        h1, h2, p, li, dd, code { overflow-wrap: anywhere; }
        dl { display: grid; grid-template-columns: auto 1fr; gap: 0 .7rem; }
        dd { margin: 0; } dt { font-weight: bold; }
        .verdict { border-left: .3rem solid var(--heat); padding-left: .8rem; }
        .verdict h2 { margin-top: .8rem; } ul { margin: .2rem 0; padding-left: 1.2rem; }
        .wide { overflow-x: auto; margin: .4rem 0; } svg { display: block; }
        table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
        caption { text-align: left; color: var(--muted); padding-bottom: .2rem; }
        th, td { text-align: left; vertical-align: top; padding: .15rem .7rem .15rem 0; \
        border-bottom: 1px solid var(--line); white-space: nowrap; }
        .texts td { white-space: pre-wrap; min-width: 5rem; max-width: 26rem; overflow-wrap: anywhere; }
        code { font: .85rem/1.5 ui-monospace, monospace; }
        .legend { list-style: none; padding: 0; font-size: .85rem; }
        .legend span { display: inline-block; width: .8rem; height: .8rem; margin-right: .5rem; }
        """
}

/// What a page was made of: the call, and the files it read, each as its role, name, size and SHA-256.
struct PageSource {
    let call: String
    let inputs: [[String]]
    /// Folders that the call names from the root on. They are left out of the page: who publishes it tells nothing of
    /// where the files lie.
    let folders: [String]

    /// A text of the page without them.
    fileprivate func withoutFolders(_ text: String) -> String {
        folders.sorted { ($0.count, $0) > ($1.count, $1) }.reduce(text) {
            $0.replacingOccurrences(of: SVG.escaped($1), with: "")
        }
    }

    fileprivate var html: String {
        HTMLPage.section(
            "How this was made",
            "<p><code>\(SVG.escaped(call))</code></p>"
                + (inputs.isEmpty
                    ? ""
                    : HTMLPage.table(
                        "What was read", ["input", "file", "bytes", "SHA-256"], inputs))
                + HTMLPage.paragraph("rtedit \(Version.current)"))
    }
}
