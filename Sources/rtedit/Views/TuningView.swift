import Formats
import Tuning

/// A run of tuning as people and scripts read it.
struct TuningView {
    private let summary: TuningSummary
    private let names: [String]
    private let folder: String

    /// - Parameter names: of the terms, in their order.
    init(_ summary: TuningSummary, names: [String], folder: String) {
        self.summary = summary
        self.names = names
        self.folder = folder
    }

    /// "tuning: 34 %, step 12 of 35, toward 0.412, token 2.310, cosine 0.176, 1.2 k tokens/s, 12.3 s left"
    static func line(_ progress: TuningProgress, names: [String], width: Int) -> String {
        var parts = [
            "\(100 * progress.step / max(progress.steps, 1)) %",
            "step \(progress.step) of \(progress.steps)",
        ]
        parts += zip(names, progress.losses.terms).map { "\($0) \(Quantity.fixed($1, 3))" }
        if let cosine = progress.losses.cosine {
            parts.append("cosine \(Quantity.fixed(cosine, 3))")
        }
        parts.append("\(Quantity.scaled(progress.tokensPerSecond))tokens/s")
        parts.append("\(Quantity.duration(.seconds(progress.secondsLeft))) left")
        return Progress.line(label: "tuning", parts: parts, width: width)
    }

    /// What the run's folder will hold, and how long.
    static func tellFolder(_ run: TuningRun, keepsFolder: Bool, on console: Console) {
        console.note(
            "\(run.folder): holds the run's state, \(Quantity.bytes(run.stateByteCount)), from which "
                + "--resume goes on, and its record, a line a step; "
                + (keepsFolder
                    ? "it is kept"
                    : "it is removed when the output is written (\(TuneOptions.keepRun.flagText) keeps it)")
        )
    }

    /// What became of the run's folder.
    func tellEnd(isRemoved: Bool, keepsFolder: Bool, on console: Console) {
        if isRemoved {
            console.note("\(folder): removed")
        } else if keepsFolder {
            let sizes = RunFolder(path: folder).sizes
            console.note(
                "\(folder): kept, a state of \(Quantity.bytes(sizes.state)) and a record of "
                    + Quantity.bytes(sizes.record))
        } else {
            console.note("\(folder): its state and record are removed; what else is in it is kept")
        }
    }

    /// That the run was interrupted, and how to go on.
    func showInterruption(on console: Console) {
        console.error(
            "interrupted after step \(summary.step) of \(summary.steps); the same call with "
                + "--resume \(folder) goes on")
    }

    /// How the run ended, where that is not as planned.
    func showNotes(on console: Console) {
        switch summary.outcome {
        case .diverged(let reason) where summary.isUsable:
            console.warning(
                "the run diverged: \(reason); what is written is the state of step "
                    + "\(summary.bestStep ?? 0)")
        case .diverged(let reason):
            console.error(
                "the run diverged: \(reason); no validation was better than the untuned model's, so "
                    + "nothing is written")
        case .stoppedEarly:
            console.note(
                "stopped early after step \(summary.step) of \(summary.steps): validation got no better"
            )
        case .finished, nil: break
        }
        if summary.isUsable, summary.isBetter == false {
            console.warning("no validation was better than the untuned model's")
        }
    }

    // MARK: - Losses

    private var start: StepLosses? { summary.firstValidation ?? summary.firstTraining }

    private var end: StepLosses? {
        summary.firstValidation == nil ? summary.lastTraining : summary.bestValidation
    }

    /// Losses and cosines before and after: of the validation, or without one of the first and last step.
    func showTable(on console: Console) {
        guard start != nil, end != nil else { return }
        var table = Table(
            tableTitles.enumerated().map { $0 == 0 ? .left($1) : .right($1) })
        for row in tableRows { table.add(row) }
        console.print(table)
        console.print("\(outcomeLine); run: \(folder)")
    }

    /// How many steps were made, and which was the best.
    var outcomeLine: String {
        let best = summary.bestStep.map { ", the best of them \($0)" } ?? ""
        return "\(summary.step) of \(summary.steps) steps\(best)"
    }

    var tableTitles: [String] {
        summary.firstValidation != nil
            ? ["validation", "untuned", "tuned"] : ["training", "first step", "last step"]
    }

    var tableRows: [[String]] {
        guard let start, let end else { return [] }
        var rows: [[String]] = []
        func add(_ name: String, _ before: Double?, _ after: Double?) {
            rows.append([
                name, before.map { Quantity.fixed($0, 4) } ?? "-",
                after.map { Quantity.fixed($0, 4) } ?? "-",
            ])
        }
        for (name, pair) in zip(names, zip(start.terms, end.terms)) { add(name, pair.0, pair.1) }
        add("total", start.total, end.total)
        for (block, cosine) in start.cosines.sorted(by: { $0.key < $1.key }) {
            add("cosine, block \(block)", cosine, end.cosines[block])
        }
        return rows
    }

    // MARK: - JSON

    /// - Parameter output: what was written; nil where nothing was.
    func json(output: JSONObject?, keepsRun: Bool) -> JSONObject {
        var json = JSONObject([
            .init("outcome", summary.outcome.map { .string($0.name) } ?? .null),
            .init("steps", .integer(summary.step)),
            .init("planned_steps", .integer(summary.steps)),
            .init("best_step", summary.bestStep.map { .integer($0) } ?? .null),
            .init("better", summary.isBetter.map { .bool($0) } ?? .null),
            .init("validated", .bool(summary.firstValidation != nil)),
            .init("start", start.map { .object(self.json($0)) } ?? .null),
            .init("end", end.map { .object(self.json($0)) } ?? .null),
            .init("run", .string(folder)), .init("run_kept", .bool(keepsRun)),
            .init("kernels", .array(summary.kernels.map { .string($0) })),
            .init("output", output.map { .object($0) } ?? .null),
        ])
        if case .diverged(let reason) = summary.outcome { json["reason"] = .string(reason) }
        return json
    }

    private func json(_ losses: StepLosses) -> JSONObject {
        var json = JSONObject(zip(names, losses.terms).map { .init($0, .number($1)) })
        json["total"] = .number(losses.total)
        let cosines = losses.cosines.sorted { $0.key < $1.key }
        if !cosines.isEmpty {
            json["cosines"] = .object(
                JSONObject(cosines.map { .init("\($0.key)", .number($0.value)) }))
        }
        return json
    }
}
