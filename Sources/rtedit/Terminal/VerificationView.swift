import Formats
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
        showTexts(on: console)
        showControls(on: console)
        let tolerance = Quantity.scientific(result.tolerance.relative, 1)
        let effectBound =
            result.isSteered
            ? "; and \(Quantity.percent(result.tolerance.effectShare)) of the effect" : ""
        console.print(
            "tolerance \(tolerance) relative, from \(result.tolerance.derivation)\(effectBound)")
        let base = result.isSteered ? "the base steered online" : "the base"
        let isUndecidable = result.verdict == .undecidable && tokenizers.isSame != false
        console.print(
            passes
                ? "EQUAL: the edited checkpoint is \(base)"
                : isUndecidable
                    ? "UNDECIDABLE: the edit is too small to be told from rounding, by these types and positions"
                    : "NOT EQUAL: the edited checkpoint differs from \(base)",
            style: passes ? .good : .bad)
        console.report(json)
    }

    private func showPositions(on console: Console) {
        let positions = result.positions
        console.print(
            "compared: \(positions.total) positions of \(positions.texts) texts, the longest of "
                + "\(positions.longest)")
        for place in result.unreached { console.print("not compared: \(place)", style: .bad) }
    }

    private static func strength(_ found: StrengthMeasurement?) -> String {
        guard let found else { return "-" }
        return "\(Quantity.fixed(found.found, 4)) ± \(Quantity.scientific(found.resolution, 0))"
    }

    private func showBlocks(on console: Console) {
        var table = Table([
            .right("block"), .right("effect"), .right("error/stream"), .right("error/effect"),
            .right("strength"), .left(""),
        ])
        for block in result.blocks {
            table.add(
                "\(block.block)", Quantity.fixed(block.effect, 3),
                Quantity.scientific(block.relativeError, 1),
                block.effectShare.map { Quantity.scientific($0, 1) } ?? "-",
                Self.strength(block.strength), block.passes ? "ok" : "DIFFERS")
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
            for difference in tokenizers.differences { console.print("  \(difference)") }
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
                                .init("strength", Self.json(block.strength)),
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
                "tokenizer_differences", .array(tokenizers.differences.map { .string($0) })),
        ])
    }
}
