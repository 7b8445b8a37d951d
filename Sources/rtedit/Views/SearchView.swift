import Formats
import Transformer
import Tuning

/// What a search found: as text, JSON and drawings.
struct SearchView {
    let outcome: Search.Outcome
    /// The file or folder that was searched in.
    let model: String
    private let split: ProbeSplit
    private let hasText: Bool
    /// How `bake` would make the best trial permanent in a file of the model's format.
    private let bake: Result<[String], any Error>?

    init(_ outcome: Search.Outcome, split: ProbeSplit, model: Checkpoint, hasText: Bool) {
        self.outcome = outcome
        self.split = split
        self.model = model.path
        self.hasText = hasText
        bake = outcome.best.map { best in
            Result {
                try BakePlan(
                    named: nil, for: best.trial.point.interventions(in: outcome.vectors),
                    in: model, format: model.format
                ).steps.map(\.route.name)
            }
        }
    }

    var bestSpecification: String? { outcome.best.map { specification($0.trial) } }

    private func specification(_ trial: SearchTrial) -> String {
        trial.point.specification(in: outcome.vectors)
    }

    private func site(_ trial: SearchTrial) -> Site {
        outcome.vectors[trial.point.candidate.vector].site
    }

    private var isByAccuracy: Bool { outcome.options.objective == .accuracy }

    // MARK: - Words

    /// What is looked for.
    var question: String {
        let direction = outcome.options.isOpposite ? "away from" : "toward"
        return
            "The probe's \(outcome.options.objective.rawValue) \(direction) the correct choices, with \(limits)."
    }

    private var limits: String {
        let limits = outcome.options.limits
        let measured = hasText ? "on the text" : "on the probe's prompts"
        let perplexity =
            limits.perplexity.map { " and a perplexity of at most \($0) times the plain one" } ?? ""
        return "a mean KL of at most \(limits.divergence) nats \(measured)\(perplexity)"
    }

    /// What the probes gave without steering.
    var plainLine: String {
        let parts = [("choice", SearchPart.choice), ("held-out", .heldOut)].compactMap {
            name, part in
            outcome.plain[part].map {
                "\($0.margins.count) \(name) probes: margin \(Quantity.fixed($0.margin, 3)), "
                    + "accuracy \(Quantity.percent($0.accuracy))"
            }
        }
        return "without steering: " + parts.joined(separator: "; ")
    }

    /// The best trial, or that there is none.
    var verdict: String {
        if let best = outcome.best {
            return
                "\(specification(best.trial)) moves the \(outcome.options.objective.rawValue) by "
                + "\(figure(best.trial.effect)), and by \(heldOut(best)) on the held-out probes, at "
                + costs(best.trial)
        }
        guard let nearest = outcome.nearest else {
            return "nothing was measured on all data: more trials are needed"
        }
        return "no trial within the limits moves the probe the wanted way; nearest: "
            + "\(specification(nearest)), \(figure(nearest.effect)) at \(costs(nearest))"
    }

    /// How the best trial becomes permanent.
    var bakeLine: String? {
        switch bake {
        case .success(let routes):
            "bake takes it in this file: route \(routes.joined(separator: ", "))"
        case .failure(let refusal): "bake does not take it in this file: \(refusal)"
        case nil: nil
        }
    }

    private func figure(_ effect: Double) -> String {
        isByAccuracy ? "\(Quantity.fixed(100 * effect, 1)) points" : Quantity.fixed(effect, 3)
    }

    private func heldOut(_ point: Search.FrontPoint) -> String {
        let interval =
            point.interval.map {
                " [\(figure($0.lower)), \(figure($0.upper))]"
            } ?? ""
        return figure(point.heldOut.effect) + interval
    }

    private func costs(_ trial: SearchTrial) -> String {
        let ratio =
            trial.perplexityRatio.map { ", perplexity × \(Quantity.fixed($0, 4))" } ?? ""
        return "KL \(Self.nats(trial.figures.divergence ?? 0))\(ratio)"
    }

    private static func nats(_ value: Double) -> String {
        value >= 0.001 || value == 0 ? Quantity.fixed(value, 4) : Quantity.scientific(value, 2)
    }

    // MARK: - Tables

    static let titles = [
        "", "vector", "site", "effect", "held-out effect", "margin", "accuracy", "KL",
        "perplexity", "of the limits",
    ]

    /// The front, by divergence.
    var rows: [[String]] {
        outcome.front.map { point in
            let trial = point.trial
            let isBest = trial == outcome.best?.trial
            return [
                isBest ? "best" : trial.isWithin ? "" : "beyond", specification(trial),
                site(trial).rawValue, figure(trial.effect), heldOut(point),
                Quantity.fixed(trial.figures.margin, 3),
                Quantity.percent(trial.figures.accuracy),
                Self.nats(trial.figures.divergence ?? 0),
                trial.perplexityRatio.map { "× " + Quantity.fixed($0, 4) } ?? "-",
                trial.used.isFinite ? Quantity.percent(trial.used) : "-",
            ]
        }
    }

    func show(on console: Console) {
        console.print(plainLine)
        if !outcome.front.isEmpty {
            var table = Table(
                Self.titles.enumerated().map { $0 < 3 ? .left($1) : .right($1) })
            for row in rows { table.add(row) }
            console.print(table)
        }
        console.print(verdict, style: outcome.best == nil ? .bad : .good)
        if let bakeLine { console.print(bakeLine) }
    }

    // MARK: - JSON

    var json: JSONObject {
        JSONObject(
            outcome.options.json(model: model, hasText: hasText) + [
                .init("trials", .integer(outcome.trials.count)),
                .init("plain", plain(.choice)), .init("plain_held_out", plain(.heldOut)),
                .init("best", outcome.best.map(json) ?? .null),
                .init("bake", bakeJSON), .init("nearest", outcome.nearest.map(json) ?? .null),
                .init("front", .array(outcome.front.map(json))),
                .init(
                    "rows",
                    .array(probeRows(.choice, split.choice) + probeRows(.heldOut, split.heldOut))),
            ])
    }

    /// The margin of each probe of a part, plain and with the best trial.
    private func probeRows(_ part: SearchPart, _ probes: [Int]) -> [JSONValue] {
        let plain = outcome.plain[part]?.margins ?? []
        let best =
            part == .choice
            ? outcome.best?.trial.figures.margins : outcome.best?.heldOut.figures.margins
        return zip(probes, plain).enumerated().map { index, row in
            .object(
                JSONObject([
                    .init("probe", .integer(row.0)),
                    .init("part", .string(part == .choice ? "choice" : "held out")),
                    .init("plain", .number(row.1)),
                    .init("best", best.map { .number($0[index]) } ?? .null),
                ]))
        }
    }

    private func plain(_ part: SearchPart) -> JSONValue {
        guard let figures = outcome.plain[part] else { return .null }
        return .object(
            JSONObject([
                .init("probes", .integer(figures.margins.count)),
                .init("margin", .number(figures.margin)),
                .init("accuracy", .number(figures.accuracy)),
            ]))
    }

    private var bakeJSON: JSONValue {
        switch bake {
        case .success(let routes):
            .object(
                JSONObject([
                    .init("routes", .array(routes.map { .string($0) })), .init("refusal", .null),
                ]))
        case .failure(let refusal):
            .object(
                JSONObject([
                    .init("routes", .array([])), .init("refusal", .string("\(refusal)")),
                ]))
        case nil: .null
        }
    }

    private func json(_ point: Search.FrontPoint) -> JSONValue {
        guard case .object(var object) = json(point.trial) else { return .null }
        object["held_out"] = .object(
            JSONObject([
                .init("margin", .number(point.heldOut.figures.margin)),
                .init("accuracy", .number(point.heldOut.figures.accuracy)),
                .init("effect", .number(point.heldOut.effect)),
                .init(
                    "effect_interval",
                    point.interval.map { .array([.number($0.lower), .number($0.upper)]) } ?? .null),
            ]))
        return .object(object)
    }

    private func json(_ trial: SearchTrial) -> JSONValue {
        .object(
            JSONObject([
                .init("spec", .string(specification(trial))),
                .init("site", .string(site(trial).rawValue)),
                .init(
                    "blocks",
                    .array(trial.point.blocks(in: outcome.vectors).map { .integer($0) })),
                .init("strength", .number(Double(trial.point.strength.value))),
                .init("margin", .number(trial.figures.margin)),
                .init("accuracy", .number(trial.figures.accuracy)),
                .init("effect", .number(trial.effect)),
                .init("kl", trial.figures.divergence.map { .number($0) } ?? .null),
                .init("perplexity_ratio", trial.perplexityRatio.map { .number($0) } ?? .null),
                .init("within", .bool(trial.isWithin)),
            ]))
    }

    // MARK: - Drawings

    /// Effect over divergence: all trials on the data of the choice, the front, the held-out probes, the limit.
    var frontDrawing: SVG {
        FrontChart(
            title: "What moves the probe, and what it costs",
            effect: isByAccuracy ? "accuracy moved" : "margin moved (nats)",
            trials: outcome.trials.filter { $0.part == .choice && $0.effect.isFinite }
                .map { ($0.figures.divergence ?? 0, $0.effect) },
            front: outcome.front.map {
                ($0.trial.figures.divergence ?? 0, $0.trial.effect, $0.heldOut.effect)
            },
            best: outcome.best.map { ($0.trial.figures.divergence ?? 0, $0.trial.effect) },
            limit: outcome.options.limits.divergence
        ).drawing
    }

    /// What single blocks move at the limits, by the first look.
    var blockDrawing: SVG {
        LineChart(
            title: "What a single block is expected to move at the limits",
            unit: isByAccuracy ? "accuracy" : "nats",
            lines: outcome.blocks.enumerated().map { index, line in
                let (color, isDashed) = SVG.Ink.line(index)
                return LineChart.Line(
                    name: (line.isNegative ? "− " : "+ ")
                        + PathParts(outcome.vectors[line.vector].file).name,
                    values: line.effects, color: color, isDashed: isDashed)
            }
        ).drawing
    }
}

extension SearchOptions {
    /// What the results of a search and of a sweep begin with.
    func json(model: String, hasText: Bool) -> [JSONObject.Member] {
        [
            .init("model", .string(model)), .init("objective", .string(objective.rawValue)),
            .init("opposite", .bool(isOpposite)), .init("max_kl", .number(limits.divergence)),
            .init("max_perplexity", limits.perplexity.map { .number($0) } ?? .null),
            .init("measured_on", .string(hasText ? "text" : "prompts")),
        ]
    }
}
