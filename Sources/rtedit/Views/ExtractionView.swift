import Formats
import Tuning

/// How extracted directions are shown.
struct ExtractionView {
    let console: Console

    static let titles = [
        "block", "length", "stream", "share", "agree", "pairs right", "AUC", "d",
    ]

    /// A row for each block.
    static func rows(_ extraction: Extraction) -> [[String]] {
        extraction.blocks.map { block in
            return [
                "\(block.block)", Quantity.fixed(block.length, 3),
                Quantity.fixed(block.activationNorm, 1), Quantity.percent(share(block)),
                block.signAgreement.map(Quantity.percent) ?? "-",
            ] + cells(block.heldOut)
        }
    }

    /// Prints how well each block's direction does, with d drawn as far as the terminal is wide.
    ///
    /// - Parameter recommended: the blocks that are marked.
    func show(_ extraction: Extraction, recommended: [Int]) {
        let isProjected = extraction.blocks.contains { $0.lengthLost != nil }
        let titles = Self.titles + (isProjected ? ["length lost"] : [])
        let rows = zip(extraction.blocks, Self.rows(extraction)).map { block, row in
            row + (isProjected ? [block.lengthLost.map(Quantity.percent) ?? "-"] : [])
        }
        var plain = Table(titles.map(Table.Column.right))
        for row in rows { plain.add(row) }
        let bars = bars(extraction, beside: plain.header.displayWidth + 4)
        var table = Table(titles.map(Table.Column.right) + [.left("")])
        for (index, row) in rows.enumerated() {
            let isMarked = recommended.contains(extraction.blocks[index].block)
            table.add(row + [(isMarked ? "> " : "  ") + bars[index]])
        }
        console.print(table)
    }

    /// Longer bars say no more.
    private static let longestBar = 24
    /// Shorter ones say nothing.
    private static let shortestBar = 4

    /// A bar for each block's d, in eighths of a column; none where the terminal is narrow.
    private func bars(_ extraction: Extraction, beside used: Int) -> [String] {
        let room = min(Self.longestBar, console.width - used)
        let effects = extraction.blocks.map { max(0, $0.heldOut?.effectSize ?? 0) }
        guard room >= Self.shortestBar, let most = effects.max(), most > 0, most.isFinite else {
            return effects.map { _ in "" }
        }
        return effects.map { effect in
            let eighths = Int((effect / most * Double(8 * room)).rounded())
            let rest = eighths % 8
            return String(repeating: "█", count: eighths / 8)
                + (rest > 0 ? String(Array("▏▎▍▌▋▊▉")[rest - 1]) : "")
        }
    }

    static let offsetTitles = ["token", "best block", "pairs right", "AUC", "d"]

    /// The best block of every offset.
    static func rows(_ scan: OffsetScan) -> [[String]] {
        scan.entries.map { entry in
            let best = entry.bestBlock
            return ["\(entry.offset)", best.map { "\($0.block)" } ?? "-"] + cells(best?.heldOut)
        }
    }

    /// Prints the best block of every offset.
    func show(_ scan: OffsetScan) {
        var table = Table(Self.offsetTitles.map(Table.Column.right))
        for row in Self.rows(scan) { table.add(row) }
        console.print(table)
    }

    private static func cells(_ heldOut: Separation?) -> [String] {
        guard let heldOut else { return ["-", "-", "-"] }
        return [
            Quantity.percent(heldOut.pairAccuracy), Quantity.fixed(heldOut.areaUnderCurve, 3),
            Quantity.fixed(heldOut.effectSize, 2),
        ]
    }

    /// The direction's length over that of the stream.
    private static func share(_ block: Extraction.BlockResult) -> Double {
        block.length / max(block.activationNorm, .leastNormalMagnitude)
    }

    // MARK: - JSON

    static func json(_ extraction: Extraction) -> JSONValue {
        .array(extraction.blocks.map { .object(json($0)) })
    }

    /// The sides of each pair along the held-out directions, a number for each of the blocks.
    static func pairRows(_ extraction: Extraction) -> JSONValue {
        .array(
            extraction.places.enumerated().map { index, place in
                func side(_ value: (Extraction.ProjectedPair) -> Double) -> JSONValue {
                    .array(
                        extraction.blocks.map { block in
                            .number(
                                block.heldOutPairs.isEmpty
                                    ? .nan : value(block.heldOutPairs[index]))
                        })
                }
                return .object(
                    JSONObject([
                        .init("place", .string(place)), .init("positive", side(\.positive)),
                        .init("negative", side(\.negative)),
                    ]))
            })
    }

    static func json(_ scan: OffsetScan) -> JSONValue {
        .array(
            scan.entries.map { entry in
                var object = JSONObject([.init("token", .integer(entry.offset))])
                if let best = entry.bestBlock {
                    object["block"] = .integer(best.block)
                    add(best.heldOut, to: &object)
                }
                return .object(object)
            })
    }

    private static func json(_ block: Extraction.BlockResult) -> JSONObject {
        var object = JSONObject([
            .init("block", .integer(block.block)), .init("length", .number(block.length)),
            .init("activation_norm", .number(block.activationNorm)),
            .init("relative_length", .number(share(block))),
        ])
        object["sign_agreement"] = block.signAgreement.map { .number($0) } ?? .null
        object["length_lost"] = block.lengthLost.map { .number($0) }
        add(block.heldOut, to: &object)
        return object
    }

    private static func add(_ heldOut: Separation?, to object: inout JSONObject) {
        guard let heldOut else { return }
        object["pair_accuracy"] = .number(heldOut.pairAccuracy)
        object["auc"] = .number(heldOut.areaUnderCurve)
        object["effect_size"] = .number(heldOut.effectSize)
    }
}
