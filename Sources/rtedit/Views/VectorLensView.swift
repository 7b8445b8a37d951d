import Formats
import Transformer
import Tuning

/// The tokens that directions point to, as `vector lens` shows them.
struct VectorLensView {
    private let lens: VectorLens
    private let tokenizer: Tokenizer

    init(_ lens: VectorLens, _ tokenizer: Tokenizer) {
        self.lens = lens
        self.tokenizer = tokenizer
    }

    func show(on console: Console) {
        for (index, row) in lens.rows.enumerated() {
            console.print(
                (index > 0 ? "\n" : "")
                    + "block \(row.block): mean \(Quantity.fixed(row.mean, 4)), deviation "
                    + Quantity.fixed(row.deviation, 4), style: .strong)
            var table = Table([
                .right("value"), .right("deviations"), .left("towards"), .right("value"),
                .right("deviations"), .left("away from"),
            ])
            for (top, bottom) in zip(row.top, row.bottom) {
                table.add(cells(top, row) + cells(bottom, row))
            }
            console.print(table)
        }
    }

    private func cells(_ entry: VectorLens.Entry, _ row: VectorLens.Row) -> [String] {
        [
            Quantity.fixed(Double(entry.value), 4), Quantity.fixed(deviations(entry, row), 2),
            tokenizer.piece(of: entry.token).quoted,
        ]
    }

    private func deviations(_ entry: VectorLens.Entry, _ row: VectorLens.Row) -> Double {
        row.deviation > 0 ? (Double(entry.value) - row.mean) / row.deviation : 0
    }

    var json: JSONObject {
        func entries(_ entries: [VectorLens.Entry]) -> JSONValue {
            .array(
                entries.map { entry in
                    .object(
                        JSONObject([
                            .init("token", .integer(entry.token)),
                            .init("piece", .string(tokenizer.piece(of: entry.token))),
                            .init("value", .number(Double(entry.value))),
                        ]))
                })
        }
        return JSONObject([
            .init(
                "blocks",
                .array(
                    lens.rows.map { row in
                        .object(
                            JSONObject([
                                .init("block", .integer(row.block)),
                                .init("mean", .number(row.mean)),
                                .init("deviation", .number(row.deviation)),
                                .init("top", entries(row.top)),
                                .init("bottom", entries(row.bottom)),
                            ]))
                    }))
        ])
    }
}
