import Formats
import Tuning

/// What taking others out left of a vector, as `vector orthogonalise` shows it.
struct OrthogonalizationView {
    private let result: Orthogonalization

    init(_ result: Orthogonalization) {
        self.result = result
    }

    func show(on console: Console) {
        var table = Table([
            .right("block"), .right("norm"), .right("left"), .right("share"), .right("spanned"),
            .right("cos before"), .right("cos after"),
        ])
        for block in result.blocks {
            table.add(
                "\(block.block)", Quantity.fixed(block.norm, 4),
                Quantity.fixed(block.norm * block.share, 4), Quantity.percent(block.share),
                "\(block.spanned)", Quantity.fixed(block.cosines.before, 4),
                Quantity.scientific(block.cosines.after, 1))
        }
        console.print(table)
    }

    var json: JSONValue {
        .array(
            result.blocks.map { block in
                .object(
                    JSONObject([
                        .init("block", .integer(block.block)), .init("norm", .number(block.norm)),
                        .init("share", .number(block.share)),
                        .init("spanned", .integer(block.spanned)),
                        .init("cosine_before", .number(block.cosines.before)),
                        .init("cosine_after", .number(block.cosines.after)),
                    ]))
            })
    }
}
