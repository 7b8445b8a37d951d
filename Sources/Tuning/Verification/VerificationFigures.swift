import Formats
import Transformer

/// All figures of a verification, for its report and for certificates, which hold them.
///
/// Where the same files are measured with other kernels, sums are taken in another order. A stream moves by ρ of its length
/// then, and the logits by ρ of the largest, with ρ = 4 · √(2 · blocks) · 2⁻²⁴ · √(longest sum), as in `Tolerance`. So
/// differences of two streams move by 2ρ of their length, and what is a share of an effect by 2ρ · length / effect. A
/// divergence is half a variance of differences of logits, so its root moves by no more than those do.
package struct VerificationFigures: Sendable {
    package let figures: Figure
    /// Whether the files are shown to be equal, tokenizers included.
    package let passes: Bool

    /// - Parameter differences: of the tokenizers, one line each.
    package init(
        _ result: Verification, tokenizers: TokenizerAgreement, differences: [String]
    ) {
        passes = result.passes && tokenizers.isSame != false
        let tolerance = result.tolerance
        figures = .object([
            .init("equal", .flag(passes)),
            .init("verdict", .text(result.verdict.rawValue)),
            .init("compared_positions", .count(result.positions.total)),
            .init("compared_texts", .count(result.positions.texts)),
            .init("longest_text", .count(result.positions.longest)),
            .init("compared_sites", .text(result.sites)),
            .init("strengths", .list(result.strengths.map(Self.strength))),
            .init("weights", Self.weights(result)),
            .init("not_compared", .list(result.unreached.map(Figure.text))),
            .init(
                "tolerance",
                .measured(
                    tolerance.relative,
                    within: tolerance.isMeasured && !tolerance.isGiven
                        ? 8 * tolerance.reordering : 0)),
            .init(
                "tolerance_effect_share",
                .measured(
                    tolerance.effectShare,
                    within: tolerance.isMeasured
                        ? 4 * (result.blocks.map { Self.shareReach($0, tolerance) }.max() ?? 0) : 0)
            ),
            .init("tolerance_derivation", .text(tolerance.derivation)),
            .init("blocks", .list(result.blocks.map { Self.block($0, tolerance) })),
            .init("logits", Self.logits(result)),
            .init("texts", .list(result.texts.map(Self.text))),
            .init("controls", .list(result.controls.map(Self.control))),
            .init("same_tokens", .exact(tokenizers.isSame.map { .bool($0) } ?? .null)),
            .init("tokenizer_differences", .list(differences.map(Figure.text))),
        ])
    }

    /// What the figures are called.
    static let names = [
        "equal", "verdict", "compared_positions", "compared_texts", "longest_text",
        "compared_sites", "strengths", "weights", "not_compared", "tolerance",
        "tolerance_effect_share", "tolerance_derivation", "blocks", "logits", "texts", "controls",
        "same_tokens", "tokenizer_differences",
    ]

    // MARK: - Parts

    private static func strength(_ row: StrengthRow) -> Figure {
        .object(
            [
                .init("operation", .text(row.operation.rawValue)),
                .init("block", .exact(row.block.map { .integer($0) } ?? .null)),
            ] + interval(row.measurement))
    }

    /// The interval is as wide as rounding makes it; its middle and its ends move inside that width.
    private static func interval(_ found: StrengthMeasurement) -> [Figure.Member] {
        let reach = 2 * (found.highest - found.lowest)
        return [
            .init("found", .measured(found.found, within: reach)),
            .init("lowest", .measured(found.lowest, within: reach)),
            .init("highest", .measured(found.highest, within: reach)),
        ]
    }

    private static func weights(_ result: Verification) -> Figure {
        var members: [Figure.Member] = [
            .init("passes", .flag(result.weightsPass)),
            .init("equal", .count(result.weights.equal)),
            .init(
                "rounded",
                .list(
                    result.weights.roundings.map { rounding in
                        .object([
                            .init("type", .text(rounding.type.name)),
                            .init("tensors", .count(rounding.tensors)),
                            .init("exact", .count(rounding.exact)),
                        ])
                    })),
            .init("changed", .list(result.weights.changes.map(change))),
        ]
        if let cost = result.cost {
            let reach = 2 * result.tolerance.reordering
            members.append(
                .init(
                    "cost",
                    .object(
                        [.init("stream", .measured(cost.stream, within: reach))]
                            + divergences(cost.logits, result.tolerance))))
        }
        return .object(members)
    }

    private static func change(_ change: WeightComparison.Change) -> Figure {
        .object([
            .init("name", .text(change.name)),
            .init("type", .exact(change.type.map { .string($0.name) } ?? .null)),
            .init("explained", .flag(!change.isUnexplained)),
            .init("changed_rows", .count(change.rowCount.changed)),
            .init("rows", .count(change.rowCount.all)),
            .init("first_rows", .list(change.rows.map(Figure.count))),
        ])
    }

    private static func block(_ block: Verification.BlockRow, _ tolerance: Tolerance) -> Figure {
        let strength = block.strengths.first { $0.operation == .add }?.measurement
        let reach = 2 * tolerance.reordering
        return .object([
            .init("block", .count(block.block)),
            .init("effect", .measured(block.effect, within: reach * block.length)),
            .init(
                "relative_error",
                .measured(block.relativeError, within: reach * (1 + block.relativeError))),
            .init(
                "effect_share", .measured(block.effectShare, within: shareReach(block, tolerance))),
            .init("strength", strength.map { .object(interval($0)) } ?? .exact(.null)),
            .init("passes", .flag(block.passes)),
        ])
    }

    /// How far a share of a block's effect may move.
    private static func shareReach(
        _ block: Verification.BlockRow, _ tolerance: Tolerance
    ) -> Double {
        guard let share = block.effectShare else { return 0 }
        return 2 * tolerance.reordering * (1 + share) * block.length / block.size
    }

    private static func logits(_ result: Verification) -> Figure {
        let logits = result.logits
        let reach = 2 * result.tolerance.reordering
        let absolute = reach * logits.largestLogit
        let share = result.logitEffectShare
        return .object(
            [
                .init("max_abs", .measured(logits.largestDifference, within: absolute)),
                .init("max_logit", .measured(logits.largestLogit, within: absolute)),
                .init(
                    "relative", .measured(logits.relative, within: reach * (1 + logits.relative))),
                .init("effect", .measured(result.logitEffect, within: absolute)),
                .init(
                    "effect_share",
                    .measured(
                        share,
                        within: share.map { absolute * (1 + $0) / result.logitEffectSize } ?? 0)),
            ] + divergences(logits, result.tolerance)
                + [.init("positions", .count(logits.positions))])
    }

    private static func divergences(
        _ logits: LogitComparison, _ tolerance: Tolerance
    ) -> [Figure.Member] {
        let moved = 2 * tolerance.reordering * logits.largestLogit
        func figure(_ divergence: Double) -> Figure {
            let root = (2 * max(divergence, 0)).squareRoot()
            return .measured(divergence, within: moved * (2 * root + moved))
        }
        return [
            .init("kl_mean", figure(logits.meanDivergence)),
            .init("kl_p95", figure(logits.percentile95)),
            .init("kl_max", figure(logits.largestDivergence)),
            .init("top1_agreement", .measured(logits.topAgreement, within: 0)),
        ]
    }

    private static func text(_ text: Verification.TextRow) -> Figure {
        .object([
            .init("prompt", .text(text.prompt)),
            .init("base", .text(text.unsteered)),
            .init("steered", .text(text.steered)),
            .init("edited", .text(text.edited)),
            .init("equal", .flag(text.isEqual)),
        ])
    }

    private static func control(_ control: Verification.Control) -> Figure {
        .object([
            .init("name", .text(control.name)),
            .init("passes", .flag(control.passes)),
            .init("detail", .text(control.detail)),
        ])
    }
}

extension Figure {
    fileprivate static func flag(_ value: Bool) -> Figure { .exact(.bool(value)) }
    fileprivate static func count(_ value: Int) -> Figure { .exact(.integer(value)) }
    fileprivate static func text(_ value: String) -> Figure { .exact(.string(value)) }
}
