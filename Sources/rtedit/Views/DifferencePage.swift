import Formats
import Foundation
import Tuning

/// A comparison as one page of HTML that needs nothing beside it: verdict, heat map, spectra, tables.
///
/// All text out of the files is escaped, and the page asks for no network: its policy forbids it.
struct DifferencePage {
    let comparison: CheckpointComparison
    let explanation: Explanation
    let source: PageSource

    /// How many rows tables have.
    private static let longList = 30

    var html: String {
        HTMLPage(
            title: "rtedit diff",
            body: """
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
                """,
            source: source
        ).html
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
        return HTMLPage.section(
            "Change by block and kind",
            "<p>The shade is the order of magnitude of the change in units of the weights' own size: blank "
                + "for none, faint at 1e-6, full at 1. The first column is outside the blocks.</p>"
                + HTMLPage.chart(DifferenceHeatMap(tensors: comparison.tensors).drawing))
    }

    private var spectra: String {
        let all = DifferenceExplanation.spectra(explanation)
        guard !all.isEmpty else { return "" }
        let shown = all.prefix(SpectrumChart.colors.count)
        let chart = SpectrumChart(
            spectra: shown.map { ($0.change.tensor.name, $0.spectrum.values) })
        let legend = zip(shown, SpectrumChart.colors).map {
            (name: $0.change.tensor.name, color: $1)
        }
        let rows = all.prefix(Self.longList).map { change, spectrum in
            let beyond = spectrum.residualEnergy / max(spectrum.energy, .leastNormalMagnitude)
            return [
                change.tensor.name, spectrum.updateRank.map(String.init) ?? "full",
                spectrum.rankOf99Percent.map(String.init) ?? "more than \(spectrum.values.count)",
                Quantity.scientific(spectrum.values.first ?? 0, 2), Quantity.percent(beyond),
            ]
        }
        return HTMLPage.section(
            "Spectra of the largest changes",
            "<p>Singular values of B − A, each in units of the first: a line that falls at once is a change of "
                + "low rank.</p>\(HTMLPage.chart(chart.drawing, legend: legend))"
                + HTMLPage.table(
                    "Spectra",
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
        return HTMLPage.section(
            "Largest changes, \(min(changed.count, Self.longList)) of \(changed.count) tensors",
            HTMLPage.table(
                "Changed tensors",
                ["tensor", "type", "status", "RMSE", "change/norm", "cosine", "changed"], rows))
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
        return HTMLPage.section(
            "Metadata",
            HTMLPage.table("Settings that differ", ["group", "name", "A", "B", ""], rows))
    }

    private var tokens: String {
        let lines = DifferenceView.tokenLines(comparison.tokenizer, limit: Self.longList)
        guard !lines.isEmpty else { return "" }
        return HTMLPage.section("Tokens", lines.map(HTMLPage.paragraph).joined())
    }

    private var notes: String {
        let lines = comparison.notes + comparison.leftOut
        guard !lines.isEmpty else { return "" }
        return HTMLPage.section("Not compared", HTMLPage.list(lines))
    }
}
