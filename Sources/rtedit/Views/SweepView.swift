import Formats
import Transformer
import Tuning

/// What the steerings of a sweep do: as text, JSON and drawings.
struct SweepView {
    let sweep: Sweep
    let model: String
    /// What was asked, as people read it.
    let prompts: [String]
    /// The plain model's answers, then those of every row; empty where nothing was asked.
    let answers: [[String]]
    private let hasText: Bool
    private let hasSeveralFiles: Bool

    init(
        _ sweep: Sweep, model: Checkpoint, hasText: Bool, prompts: [String], answers: [[String]]
    ) {
        self.sweep = sweep
        self.model = model.path
        self.prompts = prompts
        self.answers = answers
        self.hasText = hasText
        hasSeveralFiles = Set(sweep.vectors.map(\.file)).count > 1
    }

    func specification(_ row: Sweep.Row) -> String {
        row.trial.point.specification(in: sweep.vectors)
    }

    func vector(_ row: Sweep.Row) -> SearchVector {
        sweep.vectors[row.trial.point.candidate.vector]
    }

    func blocks(_ row: Sweep.Row) -> String { BlockSet.text(vector(row).blocks) }

    private func isBest(_ row: Sweep.Row) -> Bool { row.trial == sweep.best?.trial }

    // MARK: - Words

    /// The best row, or that there is none.
    var verdict: String {
        let limits = sweep.options.limits
        let perplexity = limits.perplexity.map { " and a perplexity of × \($0)" } ?? ""
        let bounds = "a KL of \(limits.divergence) nats\(perplexity)"
        let objective = sweep.options.objective.rawValue
        guard let best = sweep.best else {
            return "no row within \(bounds) moves the probe's \(objective) the wanted way"
        }
        return
            "best within \(bounds): \(specification(best)), \(objective) moved by "
            + "\(effect(best.trial.effect))\(Self.interval(best.effect, effect))"
    }

    /// What KL and perplexity are of.
    var measuredOn: String {
        hasText
            ? "KL and perplexity are measured on the text."
            : "KL is measured after the probe's prompts; --text measures it, and perplexity, on ordinary text."
    }

    func effect(_ value: Double) -> String {
        sweep.options.objective == .accuracy
            ? "\(Quantity.fixed(100 * value, 0)) points" : Quantity.fixed(value, 2)
    }

    private static func interval(
        _ interval: Bootstrap.Interval?, _ text: (Double) -> String
    ) -> String {
        interval.map { " [\(text($0.lower)), \(text($0.upper))]" } ?? ""
    }

    // MARK: - Tables

    var titles: [String] {
        (hasSeveralFiles ? ["vector"] : [])
            + ["blocks", "strength", "stream", "margin, 95 %", "right, 95 %", "KL"]
            + (hasText ? ["perplexity"] : []) + [""]
    }

    /// The plain model, then every row.
    var rows: [[String]] {
        [cells(nil, sweep.plain)] + sweep.rows.map { cells($0, $0.trial.figures) }
    }

    private func cells(_ row: Sweep.Row?, _ figures: SearchFigures) -> [String] {
        var cells = hasSeveralFiles ? [row.map { PathParts(vector($0).file).name } ?? "-"] : []
        cells.append(row.map(blocks) ?? "plain")
        cells.append(row.map { "\($0.trial.point.strength)" } ?? "-")
        cells.append(row?.push.map { "\(Quantity.fixed(100 * $0, 0)) %" } ?? "-")
        cells += probeCells(row, figures)
        cells.append(row == nil ? "-" : EvaluationView.nats(figures.divergence ?? 0))
        if hasText {
            cells.append(row?.trial.perplexityRatio.map { "× " + Quantity.fixed($0, 3) } ?? "-")
        }
        cells.append(row.map(mark) ?? "")
        return cells
    }

    /// Margin and accuracy with their intervals.
    private func probeCells(_ row: Sweep.Row?, _ figures: SearchFigures) -> [String] {
        func share(_ value: Double) -> String { Quantity.fixed(100 * value, 0) }
        func nats(_ value: Double) -> String { Quantity.fixed(value, 1) }
        let bootstrap = Bootstrap()
        let margin = row.map(\.margin) ?? bootstrap.interval(ofMean: figures.margins)
        let right = figures.margins.map { $0 > 0 ? 1.0 : 0 }
        let accuracy = row.map(\.accuracy) ?? bootstrap.interval(ofMean: right)
        return [
            Quantity.fixed(figures.margin, 2) + Self.interval(margin, nats),
            share(figures.accuracy) + " %" + Self.interval(accuracy, share),
        ]
    }

    private func mark(_ row: Sweep.Row) -> String {
        isBest(row) ? "best" : row.trial.isWithin ? (sweep.isFront(row) ? "front" : "") : "beyond"
    }

    func show(on console: Console) {
        let words = hasSeveralFiles ? 2 : 1
        var table = Table(
            titles.enumerated().map {
                $0 < words || $1.isEmpty ? .left($1) : .right($1)
            })
        for row in rows { table.add(row) }
        console.print(table)
        showAnswers(on: console)
        console.print(verdict, style: sweep.best == nil ? .bad : .good)
    }

    /// What answers are known by: the plain model, and each row's strength and blocks.
    var names: [String] {
        ["plain"]
            + sweep.rows.map { row in
                let file = hasSeveralFiles ? "\(PathParts(vector(row).file).name):" : ""
                return "\(file)\(row.trial.point.strength)@\(blocks(row))"
            }
    }

    private func showAnswers(on console: Console) {
        let names = names
        let indent = min(24, (names.map(\.displayWidth).max() ?? 0) + 2)
        for (place, prompt) in prompts.enumerated() {
            console.print()
            console.print(prompt, style: .strong)
            for (name, answers) in zip(names, answers) {
                let words = PrintableText.line(answers[place])
                let lines = words.wrapped(to: max(20, console.width - indent - 2))
                for (index, line) in lines.enumerated() {
                    console.print(
                        "  " + (index == 0 ? name : "").padded(to: indent) + line)
                }
            }
        }
        if !prompts.isEmpty { console.print() }
    }

    // MARK: - JSON

    var json: JSONObject {
        JSONObject(
            sweep.options.json(model: model, hasText: hasText) + [
                .init("prompts", .array(prompts.map { .string($0) })),
                .init("plain", .object(plainJSON)),
                .init("rows", .array(sweep.rows.indices.map { .object(json(row: $0)) })),
                .init("best", sweep.best.map { .string(specification($0)) } ?? .null),
            ])
    }

    private var plainJSON: JSONObject {
        JSONObject([
            .init("probes", .integer(sweep.plain.margins.count)),
            .init("margin", .number(sweep.plain.margin)),
            .init("accuracy", .number(sweep.plain.accuracy)),
            .init("answers", answersJSON(0)),
        ])
    }

    private func answersJSON(_ index: Int) -> JSONValue {
        .array(answers.isEmpty ? [] : answers[index].map { .string($0) })
    }

    private func json(row index: Int) -> JSONObject {
        let row = sweep.rows[index]
        let trial = row.trial
        return JSONObject([
            .init("spec", .string(specification(row))),
            .init("site", .string(vector(row).site.rawValue)),
            .init("blocks", .array(vector(row).blocks.map { .integer($0) })),
            .init("strength", .number(Double(trial.point.strength.value))),
            .init("share_of_stream", row.push.map { .number($0) } ?? .null),
            .init("margin", .number(trial.figures.margin)),
            .init("margin_interval", EvaluationView.json(row.margin)),
            .init("accuracy", .number(trial.figures.accuracy)),
            .init("accuracy_interval", EvaluationView.json(row.accuracy)),
            .init("effect", .number(trial.effect)),
            .init("effect_interval", EvaluationView.json(row.effect)),
            .init("kl", trial.figures.divergence.map { .number($0) } ?? .null),
            .init("perplexity_ratio", trial.perplexityRatio.map { .number($0) } ?? .null),
            .init("within", .bool(trial.isWithin)), .init("front", .bool(sweep.isFront(row))),
            .init("answers", answersJSON(index + 1)),
        ])
    }

    // MARK: - Drawings

    /// Margin, KL and, with a text, perplexity over the push where the files know it, else over the strength.
    var charts: [LineChart] {
        let limits = sweep.options.limits
        let margin = chart("Margin of the probe", "nats", plain: sweep.plain.margin) {
            $0.trial.figures.margin
        }
        let divergence = chart(
            "Distance from the plain model", "KL, nats", plain: 0, mark: limits.divergence,
            most: Self.reach * limits.divergence
        ) { $0.trial.figures.divergence }
        guard hasText else { return [margin, divergence] }
        let perplexity = chart(
            "Perplexity of the text", "times the plain model's", plain: 1,
            mark: limits.perplexity, most: max(Self.largestRatio, limits.perplexity ?? 1)
        ) { $0.trial.perplexityRatio }
        return [margin, divergence, perplexity]
    }

    /// - Parameters:
    ///   - plain: the figure without steering, where all lines begin.
    ///   - most: what lies above is left out: it would flatten the rest.
    private func chart(
        _ title: String, _ unit: String, plain: Double, mark: Double? = nil,
        most: Double = .infinity, _ figure: (Sweep.Row) -> Double?
    ) -> LineChart {
        let knowsPush = sweep.rows.allSatisfy { $0.push != nil }
        let lines = sweep.vectors.enumerated().map { index, vector in
            let rows = sweep.rows.filter { $0.trial.point.candidate.vector == index }
            let points = rows.compactMap { row -> (x: Double, y: Double)? in
                guard let y = figure(row), y <= most else { return nil }
                let strength = Double(row.trial.point.strength.value)
                let push = row.push.map { strength < 0 ? -100 * $0 : 100 * $0 }
                return (knowsPush ? push ?? 0 : strength, y)
            }
            let file = hasSeveralFiles ? "\(PathParts(vector.file).name) " : ""
            return LineChart.Line(
                name: file + BlockSet.text(vector.blocks),
                points: ([(0, plain)] + points).sorted { $0.x < $1.x }, index: index)
        }
        return LineChart(
            title: title, across: knowsPush ? "push, % of the stream's length" : "strength",
            unit: unit, lines: Array(lines.prefix(Self.shownLines)), mark: mark)
    }

    /// More lines are not told apart; the table has them all.
    private static let shownLines = 12
    /// Of the KL's limit, and of the plain perplexity: what is drawn at most.
    private static let reach = 10.0
    private static let largestRatio = 4.0
}
