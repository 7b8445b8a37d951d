import Formats
import Foundation
import Tuning

/// A comparison as one page of HTML that needs nothing beside it: verdict, heat map, spectra, tables.
///
/// All text out of the files is escaped, and the page asks for no network: its policy forbids it.
struct DifferencePage {
    let comparison: CheckpointComparison
    let explanation: Explanation

    /// How many rows tables have.
    private static let longList = 30

    var html: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>rtedit diff</title>
        <style>\(Self.style)</style>
        </head>
        <body>
        <h1>\(comparison.isSame ? "The same model" : "What changed")</h1>
        <dl><dt>A</dt><dd>\(SVG.escaped(DifferenceView.name(comparison.a)))</dd>
        <dt>B</dt><dd>\(SVG.escaped(DifferenceView.name(comparison.b)))</dd></dl>
        <p>\(SVG.escaped(DifferenceView.counts(comparison)))</p>
        \(verdict)
        \(heatMap)
        \(spectra)
        \(tensors)
        \(settings)
        \(tokens)
        \(notes)
        </body>
        </html>

        """
    }

    // MARK: - Sections

    private var verdict: String {
        DifferenceExplanation(explanation).findings.map { finding in
            let lines = finding.evidence.map { "<li>\(SVG.escaped($0))</li>" }.joined()
            return "<section class=\"verdict\"><h2>\(SVG.escaped(finding.sentence))</h2>"
                + "<ul>\(lines)</ul></section>"
        }.joined(separator: "\n")
    }

    private var heatMap: String {
        guard comparison.tensors.contains(where: { $0.role != nil }) else { return "" }
        return section(
            "Change by block and kind",
            "<p>The shade is the order of magnitude of the change in units of the weights' own size: blank "
                + "for none, faint at 1e-6, full at 1. The first column is outside the blocks.</p>"
                + "<div class=\"wide\">\(DifferenceHeatMap(tensors: comparison.tensors).svg)</div>")
    }

    private var spectra: String {
        let all = DifferenceExplanation.spectra(explanation)
        guard !all.isEmpty else { return "" }
        let shown = all.prefix(SpectrumChart.colors.count)
        let chart = SpectrumChart(
            spectra: shown.map { ($0.change.tensor.name, $0.spectrum.values) })
        let legend = zip(shown, SpectrumChart.colors).map { entry, color in
            "<li><span style=\"background:\(color)\"></span>"
                + "\(SVG.escaped(entry.change.tensor.name))</li>"
        }.joined()
        let rows = all.prefix(Self.longList).map { change, spectrum in
            let beyond = spectrum.residualEnergy / max(spectrum.energy, .leastNormalMagnitude)
            return [
                change.tensor.name, spectrum.updateRank.map(String.init) ?? "full",
                spectrum.rankOf99Percent.map(String.init) ?? "more than \(spectrum.values.count)",
                Quantity.scientific(spectrum.values.first ?? 0, 2), Quantity.percent(beyond),
            ]
        }
        return section(
            "Spectra of the largest changes",
            "<p>Singular values of B − A, each in units of the first: a line that falls at once is a change of "
                + "low rank.</p><div class=\"wide\">\(chart.svg)</div><ul class=\"legend\">\(legend)</ul>"
                + table(
                    [
                        "tensor", "rank", "99 % of the energy in", "first value",
                        "beyond what was found",
                    ],
                    rows))
    }

    private var tensors: String {
        let changed = TensorDifference.sorted(comparison.tensors.filter(\.isDifference))
        guard !changed.isEmpty else { return "" }
        let rows = changed.prefix(Self.longList).map { tensor in
            let sums = tensor.sums
            return [
                DifferenceView.name(tensor), DifferenceView.types(tensor),
                DifferenceView.status(tensor),
                sums.map { DifferenceView.figure($0.rootMeanSquare) } ?? "-",
                sums.map { DifferenceView.figure($0.normalized) } ?? "-",
                sums.map { Quantity.fixed($0.cosine, 6) } ?? "-",
                sums.map { Quantity.percent($0.changedShare) } ?? "-",
            ]
        }
        return section(
            "Largest changes, \(min(changed.count, Self.longList)) of \(changed.count) tensors",
            table(["tensor", "type", "status", "RMSE", "change/norm", "cosine", "changed"], rows))
    }

    private var settings: String {
        let all = comparison.allSettings
        guard !all.isEmpty else { return "" }
        let rows = all.map { setting in
            [
                setting.group.rawValue, setting.name, DifferenceView.clipped(setting.a),
                DifferenceView.clipped(setting.b), setting.isDifference ? "" : "listed only",
            ]
        }
        return section("Metadata", table(["group", "name", "A", "B", ""], rows))
    }

    private var tokens: String {
        let lines = DifferenceView.tokenLines(comparison.tokenizer, limit: Self.longList)
        guard !lines.isEmpty else { return "" }
        return section("Tokens", lines.map { "<p>\(SVG.escaped($0))</p>" }.joined())
    }

    private var notes: String {
        let lines = comparison.notes + comparison.leftOut
        guard !lines.isEmpty else { return "" }
        return section(
            "Not compared",
            "<ul>\(lines.map { "<li>\(SVG.escaped($0))</li>" }.joined())</ul>")
    }

    // MARK: - Pieces

    private func section(_ title: String, _ content: String) -> String {
        "<section><h2>\(SVG.escaped(title))</h2>\(content)</section>"
    }

    private func table(_ titles: [String], _ rows: [[String]]) -> String {
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
