/// A page of HTML that needs nothing beside it, on light and dark ground.
///
/// The page asks for no network: its policy forbids it. Text out of files is escaped by `SVG.escaped`.
struct HTMLPage {
    let title: String
    /// What stands in the page, as HTML.
    let body: String

    var html: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>\(SVG.escaped(title))</title>
        <style>\(Self.style)</style>
        </head>
        <body>
        \(body)
        </body>
        </html>

        """
    }

    /// A part of the page under a heading, which is escaped; the content is HTML.
    static func section(_ title: String, _ content: String) -> String {
        "<section><h2>\(SVG.escaped(title))</h2>\(content)</section>"
    }

    /// A table, all of whose texts are escaped.
    static func table(_ titles: [String], _ rows: [[String]]) -> String {
        let head = titles.map { "<th>\(SVG.escaped($0))</th>" }.joined()
        let body = rows.map { row in
            "<tr>\(row.map { "<td>\(SVG.escaped($0))</td>" }.joined())</tr>"
        }.joined(separator: "\n")
        return "<div class=\"wide\"><table><tr>\(head)</tr>\n\(body)</table></div>"
    }

    private static let style = """
        :root { color-scheme: light dark; --heat: #c2410c; --line: #d4d4d4; }
        @media (prefers-color-scheme: dark) { :root { --heat: #fb923c; --line: #404040; } }
        body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; }
        h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 1.5rem 0 .3rem; }
        dl { display: grid; grid-template-columns: auto 1fr; gap: 0 .7rem; }
        dd { margin: 0; overflow-wrap: anywhere; } dt { font-weight: bold; }
        .verdict { border-left: .3rem solid var(--heat); padding-left: .8rem; }
        .verdict h2 { margin-top: .8rem; } ul { margin: .2rem 0; padding-left: 1.2rem; }
        .wide { overflow-x: auto; } svg { display: block; }
        table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
        th, td { text-align: left; padding: .15rem .7rem .15rem 0; border-bottom: 1px solid var(--line); \
        white-space: nowrap; }
        .legend { list-style: none; padding: 0; font-size: .85rem; }
        .legend span { display: inline-block; width: .8rem; height: .8rem; margin-right: .5rem; }
        """
}
