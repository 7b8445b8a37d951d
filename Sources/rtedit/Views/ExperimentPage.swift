import Tuning

/// An experiment as a page of Markdown and its drawings.
struct ExperimentPage {
    let outcome: Experiment.Outcome

    /// The drawings' names and contents.
    var drawings: [(name: String, content: SVG)] {
        let summaries = outcome.summaries
        let trait = outcome.trait
        func chart(
            _ title: String, _ unit: String, _ figure: (ConditionSummary) -> ConditionSummary.Figure
        ) -> SVG {
            let rows = summaries.map { summary in
                let found = figure(summary)
                return IntervalChart.Row(
                    name: summary.condition.name, value: found.value,
                    interval: found.interval.map { ($0.lower, $0.upper) },
                    color: Self.color(of: summary.condition))
            }
            return IntervalChart(
                title: title, unit: unit, rows: rows, mark: rows.first?.value
            ).drawing
        }
        let odds = "log-odds of \(trait.positive) over \(trait.negative), nats; bars: 95 % interval"
        let lines = summaries.map {
            LineChart.Line(
                name: $0.condition.name, values: $0.cosines, color: Self.color(of: $0.condition),
                isDashed: !$0.condition.isPositive)
        }
        let names = Self.drawingNames(of: trait)
        return [
            (names[0], chart("\(trait.name): held-out", odds, \.heldOut)),
            (
                names[1],
                chart("\(trait.name): unseen form", odds, \.unseenForm)
            ),
            (
                names[2],
                chart("\(trait.name): perplexity of prose", "perplexity", \.perplexity)
            ),
            (
                names[3],
                LineChart(
                    title: "\(trait.name): cosine of stream and vector", unit: "cosine",
                    lines: lines
                ).drawing
            ),
        ]
    }

    /// What the drawings of a trait are called.
    static func drawingNames(of trait: Trait) -> [String] {
        ["held-out", "unseen-form", "perplexity", "cosines"].map { "\(trait.name)-\($0).svg" }
    }

    var title: String {
        let name = outcome.trait.name
        return name.prefix(1).uppercased() + name.dropFirst()
    }

    /// What the trait's two sides are, and what was chosen on its validation probes.
    var choiceLine: String {
        let (trait, choices) = (outcome.trait, outcome.choices)
        let strengths = [true, false].map { (sign: Bool) in
            "\(sign ? "+" : "−")\(Quantity.fixed(choices.strengths[sign] ?? 0, 2))"
        }
        let rates = Condition.Method.allCases.compactMap { method in
            choices.learningRates[method].map {
                "\(method.rawValue) \(Quantity.scientific($0, 0))"
            }
        }
        return
            "Positive is \(trait.positive), negative \(trait.negative). Chosen on validation probes: blocks "
            + "\(choices.blocks.lowerBound)–\(choices.blocks.upperBound); online strengths "
            + "\(strengths.joined(separator: ", ")); learning rates \(rates.joined(separator: ", "))."
    }

    /// Each condition's greedy answer to the first held-out prompt, in one line.
    var samples: [[String]] {
        outcome.summaries.map { summary in
            let words = summary.sample.split(whereSeparator: \.isNewline)
            return [summary.condition.name, words.joined(separator: " ")]
        }
    }

    /// The page's part about this trait.
    var markdown: String {
        var text = "## \(Self.escaped(title))\n\n\(Self.escaped(choiceLine))\n\n"
        text +=
            Self.table(Self.titles, rows) + "\n" + Self.table(Self.claimTitles, claimRows) + "\n"
        for drawing in drawings {
            text += "![\(Self.escaped(drawing.name))](<\(drawing.name)>)\n"
        }
        text += "\n### Free text\n\nGreedy answers to the first held-out prompt:\n\n"
        for sample in samples { text += "- **\(sample[0])**: \(Self.escaped(sample[1]))\n" }
        return text + "\n"
    }

    /// Text out of files and models, so that Markdown shows it as it is.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in PrintableText.line(text) {
            if "\\`*_[]<>&|#!".contains(character) { result.append("\\") }
            result.append(character)
        }
        return result
    }

    static let titles = [
        "condition", "held-out log-odds", "share", "unseen form", "share", "perplexity",
        "KL to untuned", "free text", "as is / steered + / steered −",
    ]

    /// The figures of each condition.
    var rows: [[String]] {
        outcome.summaries.map { summary in
            [
                summary.condition.name, Self.text(summary.heldOut),
                Quantity.percent(summary.heldOutShare.value), Self.text(summary.unseenForm),
                Quantity.percent(summary.unseenFormShare.value), Self.text(summary.perplexity),
                Quantity.fixed(summary.divergence, 4),
                summary.freeTextScore.map { Quantity.fixed($0, 1) } ?? "–",
                [summary.plain, summary.steeredUp, summary.steeredDown]
                    .map { Quantity.fixed($0, 2) }.joined(separator: " / "),
            ]
        }
    }

    static let claimTitles = ["claim", "difference (nats)", "verdict"]

    /// What was claimed before, and what came of it.
    var claimRows: [[String]] {
        Claim.all(outcome).map { claim in
            let interval =
                claim.interval.map {
                    " [\(Quantity.fixed($0.lower, 2)), \(Quantity.fixed($0.upper, 2))]"
                } ?? ""
            return [
                claim.text, Quantity.fixed(claim.difference, 2) + interval, claim.verdict.rawValue,
            ]
        }
    }

    /// A table of Markdown.
    private static func table(_ titles: [String], _ rows: [[String]]) -> String {
        func line(_ cells: [String]) -> String { "| \(cells.joined(separator: " | ")) |\n" }
        let rule = "|\(titles.map { _ in "---|" }.joined())\n"
        return line(titles) + rule + rows.map(line).joined()
    }

    private static func text(_ figure: ConditionSummary.Figure) -> String {
        guard let interval = figure.interval else { return Quantity.fixed(figure.value, 2) }
        return Quantity.fixed(figure.value, 2)
            + " [\(Quantity.fixed(interval.lower, 2)), \(Quantity.fixed(interval.upper, 2))]"
    }

    /// One for each method; the negative directions' lines are dashed.
    private static func color(of condition: Condition) -> String {
        let inks: [Condition.Method: SVG.Ink] = [
            .untuned: .ink, .online: SVG.Ink.series[1], .token: SVG.Ink.series[0],
            .representation: SVG.Ink.series[2], .both: SVG.Ink.series[3],
            .away: SVG.Ink.series[5],
        ]
        return (inks[condition.method] ?? .ink).use
    }
}
