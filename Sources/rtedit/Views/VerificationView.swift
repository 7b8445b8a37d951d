import Formats
import Transformer
import Tuning

/// A verification as people and scripts read it.
struct VerificationView {
    private let result: Verification
    private let tokenizers: TokenizerAgreement
    private let passes: Bool

    init(_ result: Verification, tokenizers: TokenizerAgreement, passes: Bool) {
        self.result = result
        self.tokenizers = tokenizers
        self.passes = passes
    }

    func show(on console: Console) {
        showBlocks(on: console)
        showLogits(on: console)
        showPositions(on: console)
        showWeights(on: console)
        showTexts(on: console)
        showControls(on: console)
        let tolerance = Quantity.scientific(result.tolerance.relative, 1)
        let effectBound =
            result.isSteered
            ? "; and \(Quantity.percent(result.tolerance.effectShare)) of the effect" : ""
        console.print(
            "tolerance \(tolerance) relative, from \(result.tolerance.derivation)\(effectBound)")
        for line in resolutions { console.print(line) }
        console.print(verdict, style: passes ? .good : .bad)
        console.report(json)
    }

    private var verdict: String {
        let base = result.isSteered ? "the base steered online" : "the base"
        if passes {
            let types = result.weights.roundings.map(\.type.name).joined(separator: ", ")
            return result.cost == nil || types.isEmpty
                ? "EQUAL: the edited checkpoint is \(base)"
                : "EQUAL up to rounding: the edited checkpoint is \(base), its weights rounded to \(types)"
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
            return "NOT EQUAL: the edited checkpoint differs from \(base)" + (detail ?? "")
        }
        let others = names.count > 1 ? " and \(names.count - 1) other tensors" : ""
        return "NOT EQUAL: \(first)\(others): not the base's, nor its rounding"
    }

    private func showPositions(on console: Console) {
        let positions = result.positions
        console.print(
            "compared: \(positions.total) positions of \(positions.texts) texts, the longest of "
                + "\(positions.longest), at \(result.sites)")
        for place in result.unreached { console.print("not compared: \(place)", style: .bad) }
    }

    private func showWeights(on console: Console) {
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
        console.print("weights: \(parts.joined(separator: ", "))")
        for change in weights.changes {
            let isBad = change.isUnexplained || !result.isSteered
            console.print("  " + Self.line(change), style: isBad ? .bad : .plain)
        }
        if let cost = result.cost {
            console.print(
                "what rounding costs: streams up to \(Quantity.scientific(cost.stream, 1)) of their "
                    + "length, KL(base || rounded) mean \(Quantity.scientific(cost.logits.meanDivergence, 1)), "
                    + "p95 \(Quantity.scientific(cost.logits.percentile95, 1)), max "
                    + "\(Quantity.scientific(cost.logits.largestDivergence, 1)) nats, top-1 agreement "
                    + "\(Quantity.percent(cost.logits.topAgreement))")
        }
    }

    private static func line(_ change: WeightComparison.Change) -> String {
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
    private var resolutions: [String] {
        result.strengths.filter { !$0.measurement.tellsPercent }.map { row in
            let place = row.block.map { "block \($0)" } ?? "the embedding"
            return
                "\(place): 1 % of the strength cannot be told from \(result.roundingName): resolution "
                + Quantity.percent(row.measurement.resolution)
        }
    }

    private func showBlocks(on console: Console) {
        var table = Table([
            .right("block"), .right("effect"), .right("error/stream"), .right("error/effect"),
            .right("strength"), .left(""),
        ])
        if !result.embeddingStrengths.isEmpty {
            let holds = result.embeddingStrengths.allSatisfy(\.measurement.holds)
            table.add(
                "embed", "-", "-", "-", Self.strength(result.embeddingStrengths),
                holds ? "ok" : "DIFFERS")
        }
        for block in result.blocks {
            table.add(
                "\(block.block)", Quantity.fixed(block.effect, 3),
                Quantity.scientific(block.relativeError, 1),
                block.effectShare.map { Quantity.scientific($0, 1) } ?? "-",
                Self.strength(block.strengths), block.passes ? "ok" : "DIFFERS")
        }
        console.print(table)
    }

    private func showLogits(on console: Console) {
        let logits = result.logits
        console.print(
            "logits: largest |d| \(Quantity.scientific(logits.largestDifference, 1)) of "
                + "\(Quantity.fixed(logits.largestLogit, 1)) (relative \(Quantity.scientific(logits.relative, 1)))"
                + (result.isSteered
                    ? "; steering moves them by up to \(Quantity.fixed(result.logitEffect, 2))"
                    : ""))
        console.print(
            "KL(\(result.isSteered ? "steered" : "base") || edited), nats: mean \(Quantity.scientific(logits.meanDivergence, 1)), "
                + "p95 \(Quantity.scientific(logits.percentile95, 1)), "
                + "max \(Quantity.scientific(logits.largestDivergence, 1)); top-1 agreement "
                + "\(Quantity.percent(logits.topAgreement)) of \(logits.positions) positions")
    }

    private func showTexts(on console: Console) {
        for text in result.texts {
            console.print("prompt:   \(Self.oneLine(text.prompt))", style: .strong)
            console.print("  base:    \(Self.oneLine(text.unsteered))")
            if result.isSteered { console.print("  steered: \(Self.oneLine(text.steered))") }
            console.print(
                "  edited:  \(Self.oneLine(text.edited))\(text.isEqual ? "" : "   <- differs")")
        }
    }

    private func showControls(on console: Console) {
        for control in result.controls {
            console.print(
                "control: \(control.name): \(control.passes ? "ok" : "FAILED") (\(control.detail))")
        }
        if let isSame = tokenizers.isSame {
            console.print(
                "tokenizers: \(isSame ? "the same tokens on every prompt" : "DIFFERENT tokens")")
            for difference in tokenizerDifferences { console.print("  \(difference)") }
        }
    }

    private static func json(_ found: StrengthMeasurement?) -> JSONValue {
        guard let found else { return .null }
        return .object(
            JSONObject([
                .init("found", .number(found.found)), .init("lowest", .number(found.lowest)),
                .init("highest", .number(found.highest)),
            ]))
    }

    private static func json(_ row: StrengthRow) -> JSONValue {
        var object = JSONObject([
            .init("operation", .string(row.operation.rawValue)),
            .init("block", row.block.map { .integer($0) } ?? .null),
        ])
        for member in Self.json(row.measurement).object?.members ?? [] {
            object[member.key] = member.value
        }
        return .object(object)
    }

    private var weightsJSON: JSONObject {
        var object = JSONObject([
            .init("passes", .bool(result.weightsPass)),
            .init("equal", .integer(result.weights.equal)),
            .init(
                "rounded",
                .array(
                    result.weights.roundings.map { rounding in
                        .object(
                            JSONObject([
                                .init("type", .string(rounding.type.name)),
                                .init("tensors", .integer(rounding.tensors)),
                                .init("exact", .integer(rounding.exact)),
                            ]))
                    })),
            .init(
                "changed",
                .array(
                    result.weights.changes.map { change in
                        .object(
                            JSONObject([
                                .init("name", .string(change.name)),
                                .init("type", change.type.map { .string($0.name) } ?? .null),
                                .init("explained", .bool(!change.isUnexplained)),
                                .init("changed_rows", .integer(change.rowCount.changed)),
                                .init("rows", .integer(change.rowCount.all)),
                                .init(
                                    "first_rows", .array(change.rows.map { .integer($0) })),
                            ]))
                    })),
        ])
        if let cost = result.cost {
            object["cost"] = .object(
                JSONObject([
                    .init("stream", .number(cost.stream)),
                    .init("kl_mean", .number(cost.logits.meanDivergence)),
                    .init("kl_p95", .number(cost.logits.percentile95)),
                    .init("kl_max", .number(cost.logits.largestDivergence)),
                    .init("top1_agreement", .number(cost.logits.topAgreement)),
                ]))
        }
        return object
    }

    private static func oneLine(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")
    }

    private var json: JSONObject {
        let logits = result.logits
        return JSONObject([
            .init("equal", .bool(passes)),
            .init("verdict", .string(result.verdict.rawValue)),
            .init("compared_positions", .integer(result.positions.total)),
            .init("compared_texts", .integer(result.positions.texts)),
            .init("longest_text", .integer(result.positions.longest)),
            .init("compared_sites", .string(result.sites)),
            .init("strengths", .array(result.strengths.map(Self.json))),
            .init("weights", .object(weightsJSON)),
            .init("not_compared", .array(result.unreached.map { .string($0) })),
            .init("tolerance", .number(result.tolerance.relative)),
            .init("tolerance_effect_share", .number(result.tolerance.effectShare)),
            .init("tolerance_derivation", .string(result.tolerance.derivation)),
            .init(
                "blocks",
                .array(
                    result.blocks.map { block in
                        .object(
                            JSONObject([
                                .init("block", .integer(block.block)),
                                .init("effect", .number(block.effect)),
                                .init("relative_error", .number(block.relativeError)),
                                .init(
                                    "effect_share", block.effectShare.map { .number($0) } ?? .null),
                                .init(
                                    "strength",
                                    Self.json(
                                        block.strengths.first { $0.operation == .add }?.measurement)
                                ),
                                .init("passes", .bool(block.passes)),
                            ]))
                    })),
            .init(
                "logits",
                .object(
                    JSONObject([
                        .init("max_abs", .number(logits.largestDifference)),
                        .init("max_logit", .number(logits.largestLogit)),
                        .init("relative", .number(logits.relative)),
                        .init("effect", .number(result.logitEffect)),
                        .init("effect_share", result.logitEffectShare.map { .number($0) } ?? .null),
                        .init("kl_mean", .number(logits.meanDivergence)),
                        .init("kl_p95", .number(logits.percentile95)),
                        .init("kl_max", .number(logits.largestDivergence)),
                        .init("top1_agreement", .number(logits.topAgreement)),
                        .init("positions", .integer(logits.positions)),
                    ]))),
            .init(
                "texts",
                .array(
                    result.texts.map { text in
                        .object(
                            JSONObject([
                                .init("prompt", .string(text.prompt)),
                                .init("base", .string(text.unsteered)),
                                .init("steered", .string(text.steered)),
                                .init("edited", .string(text.edited)),
                                .init("equal", .bool(text.isEqual)),
                            ]))
                    })),
            .init(
                "controls",
                .array(
                    result.controls.map { control in
                        .object(
                            JSONObject([
                                .init("name", .string(control.name)),
                                .init("passes", .bool(control.passes)),
                                .init("detail", .string(control.detail)),
                            ]))
                    })),
            .init("same_tokens", tokenizers.isSame.map { .bool($0) } ?? .null),
            .init(
                "tokenizer_differences", .array(tokenizerDifferences.map { .string($0) })),
        ])
    }
}

extension VerificationView {
    /// What differs between the tokenizers, one line each.
    private var tokenizerDifferences: [String] {
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
