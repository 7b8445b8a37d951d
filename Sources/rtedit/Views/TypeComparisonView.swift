import Formats
import Tuning

/// What types cost and what they change, as a table and as JSON.
struct TypeComparisonView {
    let rows: [TypeComparison.Row]
    let model: String
    private let passage: TypeComparison.Passage
    private let importance: String?
    /// For each row, whether it is on the front.
    private let front: [Bool]

    /// - Parameter importance: the path of the matrix that errors are weighted by.
    init(
        _ rows: [TypeComparison.Row], passage: TypeComparison.Passage, model: String,
        importance: String?
    ) {
        self.rows = rows
        self.passage = passage
        self.model = model
        self.importance = importance
        front = TypeComparison.front(of: rows)
    }

    // MARK: - Text

    func show(on console: Console) {
        console.print(sentence, style: .strong)
        var table = Table(
            [.left(Self.titles[0])] + Self.titles[1..<8].map(Table.Column.right)
                + [.left(Self.titles[8])])
        for cells in cells { table.add(cells) }
        console.print(table)
    }

    static let titles = [
        "type", "size", "bits", "error", "KL", "95 %", "same top", "perplexity", "front",
    ]

    /// What was measured on what.
    var sentence: String {
        let perplexity = passage.perplexity
        let weighted = importance.map { ", weighted by \($0)" } ?? ""
        return "\(model): perplexity \(Quantity.fixed(perplexity.value, 4)) on "
            + "\(perplexity.predictedCount) tokens in \(perplexity.windows.count) windows of "
            + "\(passage.windows.length), \(passage.windows.stride) apart\(weighted)"
    }

    /// The cells of the rows, in the order of the titles.
    var cells: [[String]] {
        zip(rows, front).map { row, isOnFront in
            [
                row.name, Quantity.bytes(row.byteCount), Quantity.fixed(row.bitsPerWeight, 2),
                Quantity.percent(row.relativeError), EvaluationView.nats(row.divergence),
                EvaluationView.text(row.interval, EvaluationView.nats),
                Quantity.percent(row.topAgreement), Quantity.fixed(row.perplexity, 4),
                isOnFront ? "*" : "",
            ]
        }
    }

    // MARK: - Drawing

    var drawing: SVG {
        let points = zip(rows, front).map { row, isOnFront in
            TypeChart.Point(
                name: row.name, byteCount: row.byteCount, divergence: row.divergence,
                isOnFront: isOnFront)
        }
        return TypeChart(points: points.filter(\.divergence.isFinite)).drawing
    }

    // MARK: - JSON

    var json: JSONObject {
        JSONObject([
            .init("model", .string(model)),
            .init("imatrix", importance.map { .string($0) } ?? .null),
            .init("perplexity", .number(passage.perplexity.value)),
            .init("tokens", .integer(passage.perplexity.tokenCount)),
            .init("predicted", .integer(passage.perplexity.predictedCount)),
            .init("windows", .integer(passage.perplexity.windows.count)),
            .init("window", .integer(passage.windows.length)),
            .init("stride", .integer(passage.windows.stride)),
            .init("types", .array(zip(rows, front).map(Self.json))),
        ])
    }

    private static func json(_ row: TypeComparison.Row, isOnFront: Bool) -> JSONValue {
        .object(
            JSONObject([
                .init("type", .string(row.name)), .init("bytes", .integer(row.byteCount)),
                .init("bits_per_weight", .number(row.bitsPerWeight)),
                .init("relative_error", .number(row.relativeError)),
                .init("kl_mean", .number(row.divergence)),
                .init("kl_interval", EvaluationView.json(row.interval)),
                .init("top1_agreement", .number(row.topAgreement)),
                .init("perplexity", .number(row.perplexity)),
                .init("front", .bool(isOnFront)),
            ]))
    }
}

/// A comparison of types as a page of HTML.
struct TypeComparisonPage {
    let view: TypeComparisonView
    let source: PageSource

    var html: String {
        let title = "Types of \(view.model)"
        let body =
            "<h1>\(SVG.escaped(title))</h1>"
            + HTMLPage.verdict([view.sentence])
            + HTMLPage.section(
                "Size against divergence",
                HTMLPage.chart(view.drawing)
                    + HTMLPage.table("Every type", TypeComparisonView.titles, view.cells)
                    + HTMLPage.paragraph(Self.legend))
        return HTMLPage(
            title: "rtedit compare-types: \(view.model)", body: body, source: source
        ).html
    }

    private static let legend =
        "bits: of the tensors, for each weight. error: of the rounded weights, root mean square over their size. KL: "
        + "KL(model || file) of the next token in nats, with its 95 % interval over windows of the text. same top: "
        + "positions with the same most likely token. front: no other file is as small and as near."
}
