import Formats
import Tuning

/// How extracted directions are shown.
struct ExtractionView {
    let console: Console

    /// Prints how well each block's direction does.
    func show(_ extraction: Extraction) {
        let isProjected = extraction.blocks.contains { $0.lengthLost != nil }
        var columns: [Table.Column] = [
            .right("block"), .right("length"), .right("stream"), .right("share"), .right("agree"),
            .right("pairs right"), .right("AUC"), .right("d"),
        ]
        if isProjected { columns.append(.right("length lost")) }
        var table = Table(columns)
        for block in extraction.blocks {
            let share = block.length / max(block.activationNorm, .leastNormalMagnitude)
            table.add(
                [
                    "\(block.block)", Quantity.fixed(block.length, 3),
                    Quantity.fixed(block.activationNorm, 1), Quantity.percent(share),
                    block.signAgreement.map(Quantity.percent) ?? "-",
                ] + Self.cells(block.heldOut) + [block.lengthLost.map(Quantity.percent) ?? "-"])
        }
        console.print(table)
    }

    /// Prints the best block of every offset.
    func show(_ scan: OffsetScan) {
        var table = Table([
            .right("token"), .right("best block"), .right("pairs right"), .right("AUC"),
            .right("d"),
        ])
        for entry in scan.entries {
            let best = entry.bestBlock
            table.add(
                ["\(entry.offset)", best.map { "\($0.block)" } ?? "-"] + Self.cells(best?.heldOut))
        }
        console.print(table)
    }

    private static func cells(_ heldOut: Separation?) -> [String] {
        guard let heldOut else { return ["-", "-", "-"] }
        return [
            Quantity.percent(heldOut.pairAccuracy), Quantity.fixed(heldOut.areaUnderCurve, 3),
            Quantity.fixed(heldOut.effectSize, 2),
        ]
    }

    // MARK: - JSON

    static func json(_ extraction: Extraction) -> JSONValue {
        .array(extraction.blocks.map { .object(json($0)) })
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
