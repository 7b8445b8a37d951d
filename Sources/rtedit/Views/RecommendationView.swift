import Formats
import Tuning

/// What to try first with an extracted vector, and why.
struct RecommendationView {
    let result: Result<Recommendation, Recommendation.Refusal>
    private let extraction: Extraction
    private let output: String

    init(_ extraction: Extraction, blockCount: Int, output: String) {
        self.extraction = extraction
        self.output = output
        result = extraction.recommendation(blockCount: blockCount)
    }

    var blocks: [Int] {
        switch result {
        case .success(let found): found.blocks
        case .failure(.unknownNorm(let blocks)): blocks
        case .failure: []
        }
    }

    /// As every command that steers takes it.
    var specification: String? {
        guard case .success(let found) = result else { return nil }
        return "\(output):\(found.strength)@\(BlockSet.text(found.blocks))"
    }

    /// The recommendation and its reasons, or why there is none.
    var lines: [String] {
        switch result {
        case .success(let found):
            ["recommended: --vector \(ShellWord.quoted(specification ?? ""))"]
                + [reason(best: found.best, blocks: found.blocks), strengthReason(found)]
        case .failure(.unknownNorm(let blocks)):
            ["recommended: \(blocks.count > 1 ? "blocks" : "block") \(BlockSet.text(blocks))"]
                + [
                    "  how long the stream is there is not known of latent vectors: "
                        + "'rtedit sweep --strengths 0.05,0.1,0.2' finds a strength"
                ]
        case .failure(.fewPairs(let count, let needed)):
            [
                "no recommendation: \(count) \(count == 1 ? "pair" : "pairs") may be ordered rightly by chance; "
                    + "at least \(needed) tell, \(PairCheck.enough) are usual"
            ]
        case .failure(.nothingSeparates(let best, let right, let pairs, let needed)):
            [
                "no block separates the held-out pairs: more pairs or another trait; see docs/own-trait.md",
                "  the best, block \(best), orders \(right) of \(pairs) rightly, and chance does up to "
                    + "\(needed - 1) so often",
            ]
        }
    }

    private func reason(best: Int, blocks: [Int]) -> String {
        let block = extraction.blocks.first { $0.block == best }
        let figures = block?.heldOut.map {
            "d \(Quantity.fixed($0.effectSize, 2)), AUC \(Quantity.fixed($0.areaUnderCurve, 3)), "
                + "\(Quantity.percent($0.pairAccuracy)) of the pairs right"
        }
        let agreement = block?.signAgreement.map { ", \(Quantity.percent($0)) agree" } ?? ""
        let others =
            blocks.count > 1
            ? "; its neighbours' d is at least \(Quantity.fixed(100 * Recommendation.nearlyAsLarge, 0)) % of that"
            : ""
        return
            "  block \(best) separates held-out pairs best (\(figures ?? "")\(agreement))\(others)"
    }

    private func strengthReason(_ found: Recommendation) -> String {
        "  there \(found.strength) adds \(Quantity.fixed(100 * found.push, 0)) % of the stream's length in all, a usual "
            + "start; -\(found.strength) turns it round; 'rtedit sweep' measures others"
    }

    func show(on console: Console) {
        guard let first = lines.first else { return }
        // A SPEC is copied in one piece.
        console.print(first, style: isFound ? .good : .bad)
        for line in lines.dropFirst().flatMap({ $0.wrapped(to: max(20, console.width - 2)) }) {
            console.print("  " + line)
        }
    }

    private var isFound: Bool {
        if case .success = result { true } else { false }
    }

    var json: JSONValue {
        guard case .success(let found) = result else {
            return .object(
                JSONObject([
                    .init("spec", .null), .init("blocks", .array(blocks.map { .integer($0) })),
                    .init("reason", .string(lines.joined(separator: " "))),
                ]))
        }
        return .object(
            JSONObject([
                .init("spec", specification.map { .string($0) } ?? .null),
                .init("blocks", .array(found.blocks.map { .integer($0) })),
                .init("best_block", .integer(found.best)),
                .init("strength", .number(Double(found.strength))),
                .init("share_of_stream", .number(found.push)),
                .init(
                    "reason",
                    .string(
                        lines.dropFirst().map { String($0.dropFirst(2)) }.joined(separator: "; "))),
            ]))
    }
}
