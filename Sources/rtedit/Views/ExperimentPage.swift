import Tuning

/// An experiment's part about one trait, as a page of Markdown and its drawings.
struct ExperimentPage {
    let outcome: Experiment.Outcome
    /// Of this trait's claims; Holm's correction is over those of the whole page.
    let claims: [JudgedClaim]

    // MARK: - Drawings

    /// The drawings' names and contents.
    var drawings: [(name: String, content: SVG)] {
        let summaries = outcome.summaries
        let trait = outcome.trait
        let odds = "log-odds of \(trait.positive) over \(trait.negative), nats; bars: 95 % interval"
        let names = Self.drawingNames(of: trait)
        let lines = summaries.map {
            LineChart.Line(
                name: $0.condition.name, values: $0.cosines, color: Self.color(of: $0.condition),
                isDashed: !$0.condition.isPositive)
        }
        let contents = [
            forest(.logOdds, unit: "difference of mean log-odds, nats"),
            forest(.share, unit: "difference of shares"),
            intervals("\(trait.name): held-out", odds, summaries, \.heldOut),
            intervals("\(trait.name): unseen form", odds, summaries, \.unseenForm),
            intervals(
                "\(trait.name): perplexity of prose", "times the untuned model's", summaries,
                \.ratio),
            doses(summaries),
            LineChart(
                title: "\(trait.name): cosine of stream and vector", unit: "cosine", lines: lines
            ).drawing,
        ]
        return Array(zip(names, contents))
    }

    /// What the drawings of a trait are called.
    static func drawingNames(of trait: Trait) -> [String] {
        [
            "claims", "claims-shares", "held-out", "unseen-form", "perplexity", "doses", "cosines",
        ].map { "\(trait.name)-\($0).svg" }
    }

    private func intervals(
        _ title: String, _ unit: String, _ summaries: [ConditionSummary],
        _ figure: (ConditionSummary) -> ConditionSummary.Figure
    ) -> SVG {
        let rows = summaries.map { summary in
            let found = figure(summary)
            return IntervalChart.Row(
                name: summary.condition.name, value: found.value,
                interval: found.interval.map { ($0.lower, $0.upper) },
                color: Self.color(of: summary.condition))
        }
        return IntervalChart(title: title, unit: unit, rows: rows, mark: rows.first?.value).drawing
    }

    /// The claims of one measure, with the differences that would matter to nobody.
    private func forest(_ measure: Claim.Measure, unit: String) -> SVG {
        let own = claims.filter { $0.claim.measure == measure }
        let rows = own.map { claim in
            IntervalChart.Row(
                name: "\(claim.claim.side): \(claim.claim.question.rawValue)",
                value: claim.difference,
                interval: claim.judgement.interval.map { ($0.lower, $0.upper) },
                color: Self.color(of: claim.judgement.verdict))
        }
        let smallest = own.first?.claim.smallest
        return IntervalChart(
            title: "\(outcome.trait.name): claims by \(measure.rawValue)",
            unit: unit + "; grey: too small to matter", rows: rows, mark: 0,
            band: smallest.map { (-$0, $0) }, nameWidth: 390
        ).drawing
    }

    /// Effect against perplexity for every method.
    private func doses(_ summaries: [ConditionSummary]) -> SVG {
        let lines = summaries.filter { !$0.doses.isEmpty }.map { summary in
            LineChart.Line(
                name: summary.condition.name,
                points: summary.doses.map { (x: $0.ratio, y: $0.logOdds) },
                color: Self.color(of: summary.condition), isDashed: !summary.condition.isPositive)
        }
        return LineChart(
            title: "\(outcome.trait.name): log-odds by perplexity",
            across: "perplexity of the matching windows over the untuned model's",
            unit: "log-odds, nats", lines: lines
        ).drawing
    }

    private static func color(of verdict: Judgement.Verdict) -> String {
        switch verdict {
        case .holds: SVG.Ink.series[3].use
        case .fails: SVG.Ink.series[1].use
        case .equivalent: SVG.Ink.series[0].use
        case .undecided: SVG.Ink.muted.use
        }
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

    // MARK: - Words

    var title: String {
        let name = outcome.trait.name
        return name.prefix(1).uppercased() + name.dropFirst()
    }

    /// What the trait's two sides are, what was drawn, and what was chosen on its validation probes.
    var choiceLine: String {
        let (trait, choices, options) = (outcome.trait, outcome.choices, outcome.options)
        let strengths = [true, false].map { (sign: Bool) in
            "\(sign ? "+" : "−")\(Quantity.fixed(choices.strengths[sign] ?? 0, 2))"
        }
        let rates = Condition.Method.allCases.compactMap { method in
            choices.learningRates[method].map {
                "\(method.rawValue) \(Quantity.scientific($0, 0))"
            }
        }
        return
            "Positive is \(trait.positive), negative \(trait.negative). Drawn at random with seed \(options.seed), in the "
            + "shares of topics and couples: \(outcome.sample.pairs.count) of \(trait.pairs.count) pairs, "
            + "\(min(options.exampleLimit, trait.train.count)) of \(trait.train.count) training examples for each seed, "
            + "\(outcome.sample.validation.count) of \(trait.validation.count) validation probes, and "
            + "\(outcome.sample.steered.count) of \(trait.heldOut.count) held-out probes for later steering. Chosen on "
            + "validation probes: blocks \(choices.blocks.lowerBound)–\(choices.blocks.upperBound); online strengths "
            + "\(strengths.joined(separator: ", ")); learning rates \(rates.joined(separator: ", ")). Every condition "
            + "is brought to \(Quantity.fixed(options.perplexityRatio, 2)) times the untuned model's perplexity, "
            + "but for tuning away, which is left as it is."
            + " Recipe: \(options.recipe.name.rawValue)."
            + (outcome.plan.omission.map { " Left out for want of time: \($0)." } ?? "")
    }

    /// Conditions that could not be brought to the wanted perplexity.
    var warnings: [String] {
        outcome.summaries.filter { $0.unmatched > 0 }.map { summary in
            "\(summary.condition.name): \(summary.unmatched) of \(summary.seeds) models cost less at the greatest strength "
                + "than the others do, on average \(Quantity.fixed(summary.matchedRatio, 3)) times the untuned perplexity; "
                + "claims about it are judged there."
        }
    }

    /// Each condition's greedy answer to each free prompt, in one line.
    var samples: [[String]] {
        let prompts = outcome.trait.freeText
        return prompts.indices.flatMap { index in
            outcome.summaries.compactMap { summary -> [String]? in
                guard index < summary.freeTexts.count else { return nil }
                let words = summary.freeTexts[index].split(whereSeparator: \.isNewline)
                return [
                    prompts[index], summary.condition.name, words.joined(separator: " "),
                ]
            }
        }
    }

    static let sampleTitles = ["prompt", "condition", "answer"]

    static let titles = [
        "condition", "seeds", "strength", "held-out log-odds", "share", "unseen form", "share",
        "perplexity", "times untuned", "KL to untuned", "free text",
        "as is / steered + / steered −",
    ]

    /// The figures of each condition.
    var rows: [[String]] {
        outcome.summaries.map { summary in
            [
                summary.condition.name, "\(summary.seeds)", Quantity.fixed(summary.strength, 2),
                Self.text(summary.heldOut), Quantity.percent(summary.heldOutShare.value),
                Self.text(summary.unseenForm), Quantity.percent(summary.unseenFormShare.value),
                Quantity.fixed(summary.perplexity, 2), Self.text(summary.ratio, 3),
                Quantity.fixed(summary.divergence, 4),
                summary.freeTextScore.map { Quantity.fixed($0, 1) } ?? "–",
                [summary.plain, summary.steeredUp, summary.steeredDown]
                    .map { Quantity.fixed($0, 2) }.joined(separator: " / "),
            ]
        }
    }

    static let claimTitles = ["claim", "by", "difference", "interval", "p", "verdict"]

    /// What was claimed before, and what came of it.
    var claimRows: [[String]] {
        claims.map { claim in
            let isShare = claim.claim.measure == .share
            func text(_ value: Double) -> String {
                isShare ? Quantity.fixed(100 * value, 1) : Quantity.fixed(value, 2)
            }
            return [
                claim.claim.text, claim.claim.measure.rawValue,
                text(claim.difference) + (isShare ? " points" : " nats"),
                claim.judgement.interval.map { "\(text($0.lower)) to \(text($0.upper))" } ?? "–",
                Self.level(claim.judgement.adjustedLevel),
                claim.judgement.verdict.rawValue,
            ]
        }
    }

    private static func level(_ level: Double) -> String {
        level < 0.0001 ? "< 0.0001" : Quantity.fixed(level, 4)
    }

    private static func text(_ figure: ConditionSummary.Figure, _ digits: Int = 2) -> String {
        guard let interval = figure.interval else { return Quantity.fixed(figure.value, digits) }
        return Quantity.fixed(figure.value, digits)
            + " [\(Quantity.fixed(interval.lower, digits)), \(Quantity.fixed(interval.upper, digits))]"
    }

    // MARK: - Markdown

    /// The page's part about this trait.
    var markdown: String {
        var text = "## \(Self.escaped(title))\n\n\(Self.escaped(choiceLine))\n\n"
        for warning in warnings { text += "- \(Self.escaped(warning))\n" }
        text += warnings.isEmpty ? "" : "\n"
        text += Self.table(Self.claimTitles, claimRows) + "\n"
        text += Self.table(Self.titles, rows) + "\n"
        for drawing in drawings {
            text += "![\(Self.escaped(drawing.name))](<\(drawing.name)>)\n"
        }
        guard !samples.isEmpty else { return text + "\n" }
        text += "\n### Free text\n\nGreedy answers of each condition's first model:\n\n"
        return text + Self.table(Self.sampleTitles, samples) + "\n"
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

    /// A table of Markdown.
    private static func table(_ titles: [String], _ rows: [[String]]) -> String {
        func line(_ cells: [String]) -> String {
            "| \(cells.map(escaped).joined(separator: " | ")) |\n"
        }
        let rule = "|\(titles.map { _ in "---|" }.joined())\n"
        return line(titles) + rule + rows.map(line).joined()
    }
}
