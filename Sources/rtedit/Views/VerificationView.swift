import Formats
import Transformer
import Tuning

/// A verification as people and scripts read it.
struct VerificationView {
    let result: Verification
    private let tokenizers: TokenizerAgreement
    private let passes: Bool
    /// All that was found, for reports and certificates.
    let figures: VerificationFigures

    init(_ result: Verification, tokenizers: TokenizerAgreement) {
        self.result = result
        self.tokenizers = tokenizers
        figures = VerificationFigures(
            result, tokenizers: tokenizers, differences: Self.differences(tokenizers))
        passes = figures.passes
    }

    /// The report for scripts.
    var json: JSONObject { figures.figures.json.object ?? JSONObject() }

    func show(on console: Console) {
        showBlocks(on: console)
        showLogits(on: console)
        showPositions(on: console)
        showWeights(on: console)
        showTexts(on: console)
        showControls(on: console)
        console.print(toleranceLine)
        for line in resolutions { console.print(line) }
        console.print(verdict, style: passes ? .good : .bad)
    }

    var toleranceLine: String {
        let tolerance = Quantity.scientific(result.tolerance.relative, 1)
        let effectBound =
            result.isSteered
            ? "; and \(Quantity.percent(result.tolerance.effectShare)) of the effect" : ""
        return "tolerance \(tolerance) relative, from \(result.tolerance.derivation)\(effectBound)"
    }

    var verdict: String {
        let base = result.isSteered ? "the base steered online" : "the base"
        let subject = result.isSteered ? "the edited checkpoint" : "the copy"
        if passes {
            let types = result.weights.roundings.map(\.type.name).joined(separator: ", ")
            return result.cost == nil || types.isEmpty
                ? "EQUAL: \(subject) is \(base)"
                : "EQUAL up to rounding: \(subject) is \(base), its weights rounded to \(types)"
        }
        // All else is as it must be, or cannot be told.
        if result.verdict != .notEqual, let first = Self.differences(tokenizers).first {
            return "NOT EQUAL: the tokenizers differ: \(first)"
        }
        if result.verdict == .undecidable, tokenizers.isSame != false {
            return
                "UNDECIDABLE: the edit is too small to be told from rounding, by these types and "
                + "positions"
        }
        let names = (result.isSteered ? result.weights.unexplained : result.weights.changes)
            .map(\.name)
        guard !result.weightsPass, let first = names.first else {
            let strength = result.strengths.first { !$0.measurement.holds }
            let detail = strength.map { row in
                ": the strength is \(Self.strength(row.measurement)) of that asked for at "
                    + (row.block.map { "block \($0)" } ?? "the embedding")
            }
            return "NOT EQUAL: \(subject) differs from \(base)" + (detail ?? "")
        }
        let others = names.count > 1 ? " and \(names.count - 1) other tensors" : ""
        return "NOT EQUAL: \(first)\(others): not the base's, nor its rounding"
    }

    var positionLine: String {
        let positions = result.positions
        return "compared: \(positions.total) positions of \(positions.texts) texts, the longest of "
            + "\(positions.longest), at \(result.sites)"
    }

    private func showPositions(on console: Console) {
        console.print(positionLine)
        for place in result.unreached { console.print("not compared: \(place)", style: .bad) }
    }

    /// What the tensors are.
    var weightLine: String {
        let weights = result.weights
        var parts = ["\(weights.equal) tensors with the base's values"]
        parts += weights.roundings.map { rounding in
            let exact =
                rounding.exact == rounding.tensors
                ? "every row as the reference quantiser makes it"
                : "\(rounding.exact) of them as the reference quantiser makes them"
            return "\(rounding.tensors) rounded to \(rounding.type.name) (\(exact))"
        }
        if !weights.changes.isEmpty { parts.append("\(weights.changes.count) with other values") }
        return "weights: \(parts.joined(separator: ", "))"
    }

    private func showWeights(on console: Console) {
        console.print(weightLine)
        for change in result.weights.changes {
            let isBad = change.isUnexplained || !result.isSteered
            console.print("  " + Self.line(change), style: isBad ? .bad : .plain)
        }
        if let costLine { console.print(costLine) }
    }

    /// What rounding costs; nil where nothing is rounded.
    var costLine: String? {
        result.cost.map { cost in
            "what rounding costs: streams up to \(Quantity.scientific(cost.stream, 1)) of their "
                + "length, KL(base || rounded) mean \(Quantity.scientific(cost.logits.meanDivergence, 1)), "
                + "p95 \(Quantity.scientific(cost.logits.percentile95, 1)), max "
                + "\(Quantity.scientific(cost.logits.largestDivergence, 1)) nats, top-1 agreement "
                + "\(Quantity.percent(cost.logits.topAgreement))"
        }
    }

    static func line(_ change: WeightComparison.Change) -> String {
        let type = change.type.map { " (\($0.name))" } ?? ""
        guard !change.rows.isEmpty else {
            return "\(change.name)\(type): " + (change.type == nil ? "missing" : change.note)
        }
        let rows = change.rows.map(String.init).joined(separator: ", ")
        let more = change.rowCount.changed > change.rows.count ? " ..." : ""
        return "\(change.name)\(type): \(change.rowCount.changed) of \(change.rowCount.all) rows "
            + "differ beyond rounding: \(rows)\(more)"
    }

    private static func strength(_ found: StrengthMeasurement?) -> String {
        guard let found else { return "-" }
        return "\(Quantity.fixed(found.found, 4)) ± \(Quantity.scientific(found.resolution, 0))"
    }

    /// The strength of a place that is furthest from the one asked for.
    private static func strength(_ rows: [StrengthRow]) -> String {
        strength(rows.map(\.measurement).max { abs($0.found - 1) < abs($1.found - 1) })
    }

    /// Where 1 % cannot be told, why not.
    var resolutions: [String] {
        result.strengths.filter { !$0.measurement.tellsPercent }.map { row in
            let place = row.block.map { "block \($0)" } ?? "the embedding"
            return
                "\(place): 1 % of the strength cannot be told from \(result.roundingName): resolution "
                + Quantity.percent(row.measurement.resolution)
        }
    }

    /// The blocks, one row each, under `blockTitles`.
    var blockRows: [[String]] {
        var rows: [[String]] = []
        if !result.embeddingStrengths.isEmpty {
            let holds = result.embeddingStrengths.allSatisfy(\.measurement.holds)
            rows.append([
                "embed", "-", "-", "-", Self.strength(result.embeddingStrengths),
                holds ? "ok" : "DIFFERS",
            ])
        }
        return rows
            + result.blocks.map { block in
                [
                    "\(block.block)", Quantity.fixed(block.effect, 3),
                    Quantity.scientific(block.relativeError, 1),
                    block.effectShare.map { Quantity.scientific($0, 1) } ?? "-",
                    Self.strength(block.strengths), block.passes ? "ok" : "DIFFERS",
                ]
            }
    }

    static let blockTitles = [
        "block", "effect", "error/stream", "error/effect", "strength", "",
    ]

    private func showBlocks(on console: Console) {
        var table = Table(
            Self.blockTitles.map { title in title.isEmpty ? .left(title) : .right(title) })
        for row in blockRows { table.add(row) }
        console.print(table)
    }

    var logitLines: [String] {
        let logits = result.logits
        return [
            "logits: largest |d| \(Quantity.scientific(logits.largestDifference, 1)) of "
                + "\(Quantity.fixed(logits.largestLogit, 1)) (relative \(Quantity.scientific(logits.relative, 1)))"
                + (result.isSteered
                    ? "; steering moves them by up to \(Quantity.fixed(result.logitEffect, 2))"
                    : ""),
            "KL(\(result.isSteered ? "steered || edited" : "base || copy")), nats: mean \(Quantity.scientific(logits.meanDivergence, 1)), "
                + "p95 \(Quantity.scientific(logits.percentile95, 1)), "
                + "max \(Quantity.scientific(logits.largestDivergence, 1)); top-1 agreement "
                + "\(Quantity.percent(logits.topAgreement)) of \(logits.positions) positions",
        ]
    }

    private func showLogits(on console: Console) {
        for line in logitLines { console.print(line) }
    }

    private func showTexts(on console: Console) {
        for text in result.texts {
            console.print("prompt:   \(Self.oneLine(text.prompt))", style: .strong)
            console.print("  base:    \(Self.oneLine(text.unsteered))")
            if result.isSteered { console.print("  steered: \(Self.oneLine(text.steered))") }
            console.print(
                "  \(result.isSteered ? "edited:  " : "copy:    ")\(Self.oneLine(text.edited))\(text.isEqual ? "" : "   <- differs")"
            )
        }
    }

    static func line(_ control: Verification.Control) -> String {
        "control: \(control.name): \(control.passes ? "ok" : "FAILED") (\(control.detail))"
    }

    /// What is said of the tokenizers; empty where one has none of its own.
    var tokenizerLines: [String] {
        guard let isSame = tokenizers.isSame else { return [] }
        return ["tokenizers: \(isSame ? "the same tokens on every prompt" : "DIFFERENT tokens")"]
            + Self.differences(tokenizers).map { "  \($0)" }
    }

    private func showControls(on console: Console) {
        for control in result.controls { console.print(Self.line(control)) }
        for line in tokenizerLines { console.print(line) }
    }

    private static func oneLine(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")
    }
}

extension VerificationView {
    /// What differs between the tokenizers, one line each.
    private static func differences(_ tokenizers: TokenizerAgreement) -> [String] {
        guard let givesTokens = tokenizers.givesTokens else { return [] }
        let comparison = tokenizers.comparison
        let settings = comparison.settings.filter(\.isDifference).map { setting in
            "\(setting.group.rawValue): \(setting.name): \(DifferenceView.clipped(setting.a)) > "
                + DifferenceView.clipped(setting.b)
        }
        return (givesTokens ? [] : ["the prompts become other tokens"])
            + DifferenceView.tokenLines(comparison, limit: 6) + settings
    }
}
