import Tuning

/// An experiment as a page of Markdown and its drawings.
struct ExperimentPage {
    let outcome: Experiment.Outcome

    /// The drawings' names and contents.
    var drawings: [(name: String, content: String)] {
        let summaries = outcome.summaries
        let trait = outcome.trait
        func chart(
            _ title: String, _ unit: String, _ figure: (ConditionSummary) -> ConditionSummary.Figure
        ) -> String {
            let rows = summaries.map { summary in
                let found = figure(summary)
                return IntervalChart.Row(
                    name: summary.condition.name, value: found.value,
                    interval: found.interval.map { ($0.lower, $0.upper) },
                    color: Self.color(of: summary.condition))
            }
            return IntervalChart(
                title: title, unit: unit, rows: rows, mark: rows.first?.value
            ).svg
        }
        let odds = "log-odds of \(trait.positive) over \(trait.negative), nats; bars: 95 % interval"
        let lines = summaries.map {
            BlockChart.Line(
                name: $0.condition.name, values: $0.cosines, color: Self.color(of: $0.condition))
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
                BlockChart(
                    title: "\(trait.name): cosine of stream and vector", unit: "cosine",
                    lines: lines
                ).svg
            ),
        ]
    }

    /// What the drawings of a trait are called.
    static func drawingNames(of trait: Trait) -> [String] {
        ["held-out", "unseen-form", "perplexity", "cosines"].map { "\(trait.name)-\($0).svg" }
    }

    /// The page's part about this trait.
    var markdown: String {
        let trait = outcome.trait
        let choices = outcome.choices
        let title = trait.name.prefix(1).uppercased() + trait.name.dropFirst()
        var text = "## \(Self.escaped(title))\n\n"
        text += "Positive is \(Self.escaped(trait.positive)), "
        text += "negative \(Self.escaped(trait.negative)). "
        text += "Chosen on validation probes: blocks "
        text += "\(choices.blocks.lowerBound)–\(choices.blocks.upperBound); online strengths "
        text +=
            [true, false].map { (sign: Bool) in
                "\(sign ? "+" : "−")\(Quantity.fixed(choices.strengths[sign] ?? 0, 2))"
            }.joined(separator: ", ")
        text += "; learning rates "
        text +=
            Condition.Method.allCases.compactMap { method in
                choices.learningRates[method].map {
                    "\(method.rawValue) \(Quantity.scientific($0, 0))"
                }
            }.joined(separator: ", ")
        text += ".\n\n"
        text += table + "\n" + claims + "\n"
        for drawing in drawings {
            text += "![\(Self.escaped(drawing.name))](<\(drawing.name)>)\n"
        }
        text += "\n### Free text\n\nGreedy answers to the first held-out prompt:\n\n"
        for summary in outcome.summaries {
            let sample = summary.sample.split(whereSeparator: \.isNewline).joined(separator: " ")
            text += "- **\(summary.condition.name)**: \(Self.escaped(sample))\n"
        }
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

    private var table: String {
        var text =
            "| condition | held-out log-odds | share | unseen form | share | perplexity | KL to untuned | "
            + "free text | as is / steered + / steered − |\n|---|---|---|---|---|---|---|---|---|\n"
        for summary in outcome.summaries {
            let cells = [
                summary.condition.name, Self.text(summary.heldOut),
                Quantity.percent(summary.heldOutShare.value), Self.text(summary.unseenForm),
                Quantity.percent(summary.unseenFormShare.value), Self.text(summary.perplexity),
                Quantity.fixed(summary.divergence, 4),
                summary.freeTextScore.map { Quantity.fixed($0, 1) } ?? "–",
                [summary.plain, summary.steeredUp, summary.steeredDown]
                    .map { Quantity.fixed($0, 2) }.joined(separator: " / "),
            ]
            text += "| " + cells.joined(separator: " | ") + " |\n"
        }
        return text
    }

    private var claims: String {
        var text = "| claim | difference (nats) | verdict |\n|---|---|---|\n"
        for claim in Claim.all(outcome) {
            let interval =
                claim.interval.map {
                    " [\(Quantity.fixed($0.lower, 2)), \(Quantity.fixed($0.upper, 2))]"
                } ?? ""
            text +=
                "| \(claim.text) | \(Quantity.fixed(claim.difference, 2))\(interval) | "
                + "\(claim.verdict.rawValue) |\n"
        }
        return text
    }

    private static func text(_ figure: ConditionSummary.Figure) -> String {
        guard let interval = figure.interval else { return Quantity.fixed(figure.value, 2) }
        return Quantity.fixed(figure.value, 2)
            + " [\(Quantity.fixed(interval.lower, 2)), \(Quantity.fixed(interval.upper, 2))]"
    }

    private static func color(of condition: Condition) -> String {
        let hues: [Condition.Method: (String, String)] = [
            .untuned: ("#444", "#444"), .online: ("#e69f00", "#b57400"),
            .token: ("#56b4e9", "#0072b2"), .representation: ("#7ad151", "#2a8a3a"),
            .both: ("#f07ca8", "#b2185b"), .away: ("#9467bd", "#9467bd"),
        ]
        let (positive, negative) = hues[condition.method] ?? ("#000", "#000")
        return condition.isPositive ? positive : negative
    }
}
