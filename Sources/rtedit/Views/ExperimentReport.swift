import Tuning

/// An experiment as a page: what `ExperimentPage` says of each trait, under what all of them are judged by.
struct ExperimentReport {
    let model: String
    let parts: [ExperimentPage]

    private var title: String { "Experiment on \(model)" }

    /// How claims are judged, with the numbers that were fixed beforehand.
    var rules: String {
        guard let options = parts.first?.outcome.options else { return "" }
        let count = parts.reduce(0) { $0 + $1.claims.count }
        let kernels = parts.flatMap(\.outcome.kernels).reduce(into: [String]()) { list, kernel in
            if !list.contains(kernel) { list.append(kernel) }
        }
        return
            "\(count) claims are judged together at 5 % (Holm). A claim holds where the interval of its difference lies "
            + "above 0, does not hold where it lies below, and is equivalent where it lies between plus and minus the "
            + "smallest difference that matters, fixed beforehand: \(Quantity.fixed(options.smallestLogOdds, 2)) nats of "
            + "mean log-odds, \(Quantity.fixed(100 * options.smallestShare, 0)) points of a share. Intervals are those of a "
            + "hierarchical bootstrap over seeds, topics, couples and probes. Conditions that decide a claim have "
            + "\(options.decidingSeeds) seeds, other tuned ones \(min(options.otherSeeds, options.decidingSeeds)). "
            + "Made by rtedit \(Version.current) with \(kernels.joined(separator: ", "))."
    }

    var markdown: String {
        "# \(title)\n\n\(rules)\n\n" + parts.map(\.markdown).joined()
    }

    func html(source: PageSource) -> String {
        let body =
            "<h1>\(SVG.escaped(title))</h1>" + HTMLPage.paragraph(rules)
            + parts.map(Self.section).joined()
        return HTMLPage(title: "rtedit experiment: \(model)", body: body, source: source).html
    }

    private static func section(_ part: ExperimentPage) -> String {
        HTMLPage.section(
            part.title,
            HTMLPage.paragraph(part.choiceLine)
                + (part.warnings.isEmpty ? "" : HTMLPage.list(part.warnings))
                + HTMLPage.table("Claims", ExperimentPage.claimTitles, part.claimRows, wraps: true)
                + part.drawings.map { HTMLPage.chart($0.content) }.joined()
                + HTMLPage.table("Conditions", ExperimentPage.titles, part.rows)
                + (part.samples.isEmpty
                    ? ""
                    : HTMLPage.table(
                        "Greedy answers of each condition's first model",
                        ExperimentPage.sampleTitles, part.samples, wraps: true)))
    }
}
