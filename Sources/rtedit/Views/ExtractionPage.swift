import Tuning

/// An extraction as a page of HTML.
struct ExtractionPage {
    let extraction: Extraction
    let recommendation: RecommendationView
    let scan: OffsetScan?
    let model: String
    let source: PageSource

    var html: String {
        var body = "<h1>\(SVG.escaped("A direction in \(model)"))</h1>"
        body += HTMLPage.verdict(recommendation.lines)
        body += HTMLPage.section(
            "Separation by block",
            HTMLPage.paragraph(
                "How well each block's direction separates pairs it was not made from (five-fold cross-validation). "
                    + "The recommended blocks stand on a grey ground.")
                + charts.map { HTMLPage.chart($0.drawing) }.joined())
        body += HTMLPage.section(
            "Figures",
            HTMLPage.paragraph(
                "Length: of the direction. Stream: the mean length of the activations, and share what the one is of the "
                    + "other. Agree: pairs whose difference points along the direction. Held out: pairs ordered rightly, "
                    + "area under the ROC curve, Cohen's d.")
                + HTMLPage.table(
                    "\(Quantity.count(extraction.pairCount, "pair")), \(extraction.tokenCount) tokens",
                    ExtractionView.titles, ExtractionView.rows(extraction)))
        if let scan {
            body += HTMLPage.section(
                "Tokens",
                HTMLPage.table(
                    "The best block of every token", ExtractionView.offsetTitles,
                    ExtractionView.rows(scan)))
        }
        return HTMLPage(title: "rtedit extract: \(model)", body: body, source: source).html
    }

    private var charts: [LineChart] {
        let blocks = extraction.blocks
        func values(_ figure: (Extraction.BlockResult) -> Double?) -> [(x: Double, y: Double)] {
            blocks.compactMap { block in figure(block).map { (Double(block.block), $0) } }
        }
        let columns = recommendation.blocks.map(Double.init)
        return [
            LineChart(
                title: "Cohen's d of held-out pairs", unit: "standard deviations",
                lines: [.init(name: "d", points: values { $0.heldOut?.effectSize }, index: 0)],
                columns: columns),
            LineChart(
                title: "Shares", unit: "share",
                lines: [
                    .init(
                        name: "pairs ordered rightly",
                        points: values { $0.heldOut?.pairAccuracy }, index: 0),
                    .init(
                        name: "area under the ROC curve",
                        points: values { $0.heldOut?.areaUnderCurve }, index: 1),
                    .init(name: "agreement", points: values { $0.signAgreement }, index: 2),
                    .init(
                        name: "length over the stream's",
                        points: values {
                            $0.activationNorm > 0 ? $0.length / $0.activationNorm : nil
                        },
                        index: 3),
                ], columns: columns),
        ]
    }
}
