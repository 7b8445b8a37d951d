import Formats
import Transformer
import Tuning

/// How vectors lie to one another, as `vector compare` shows it.
struct VectorComparisonView {
    private let comparison: VectorComparison

    init(_ comparison: VectorComparison) {
        self.comparison = comparison
    }

    private var terms: [VectorTerm] { comparison.terms }
    private static let mostWithAllPairs = 4

    /// What makes cosines mean less than they seem to.
    var notes: [String] {
        var notes: [String] = []
        if Set(terms.map(\.vector.site)).count > 1 {
            let sites = terms.map { "\($0.name): \($0.vector.site.rawValue)" }
            notes.append("the vectors act at different sites: \(sites.joined(separator: ", "))")
        }
        for pair in comparison.pairs {
            let shift = comparison.bestShift(pair)
            guard shift != 0 else { continue }
            notes.append(
                "\(terms[pair.second].name) is most like \(terms[pair.first].name) one block "
                    + "\(shift > 0 ? "later" : "earlier"): one of the two may number blocks as llama.cpp's generator does "
                    + "(\(SteeringOptions.convention.option.flagText))")
        }
        return notes
    }

    /// All pairs, or of many vectors those with the first.
    private var shownPairs: [VectorComparison.Pair] {
        comparison.pairs.filter { terms.count <= Self.mostWithAllPairs || $0.first == 0 }
    }

    func show(on console: Console) {
        for (index, term) in terms.enumerated() {
            console.print(
                "\(index + 1)  \(term.name)  \(term.vector.site.rawValue), blocks "
                    + "\(BlockSet.text(term.vector.blocks)), \(term.vector.width) wide")
        }
        console.print()
        let places = terms.indices
        var table = Table(
            [.right("block")] + places.map { .right("norm \($0 + 1)") }
                + places.map { .right("next \($0 + 1)") }
                + shownPairs.map { .right("cos \($0.first + 1)-\($0.second + 1)") })
        for block in comparison.blocks {
            table.add(
                ["\(block)"] + places.map { Self.text(comparison.norm($0, block: block)) }
                    + places.map { Self.text(comparison.cosineWithNext($0, block: block)) }
                    + shownPairs.map { Self.text(comparison.cosine($0, block: block)) })
        }
        console.print(table)
        guard terms.count > 1 else { return }
        console.print()
        var means = Table([.right("mean cosine")] + places.map { .right("\($0 + 1)") })
        for row in places {
            means.add(
                ["\(row + 1)"]
                    + places.map { column in
                        row == column
                            ? "1.0000"
                            : Self.text(
                                comparison.meanCosine(
                                    .init(first: min(row, column), second: max(row, column))))
                    })
        }
        console.print(means)
    }

    private static func text(_ value: Double?) -> String {
        value.map { Quantity.fixed($0, 4) } ?? ""
    }

    var json: JSONObject {
        func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
        return JSONObject([
            .init(
                "vectors",
                .array(
                    terms.indices.map { place in
                        .object(
                            JSONObject([
                                .init("file", .string(terms[place].name)),
                                .init("site", .string(terms[place].vector.site.rawValue)),
                                .init("width", .integer(terms[place].vector.width)),
                                .init(
                                    "blocks",
                                    .array(
                                        terms[place].vector.blocks.map { block in
                                            .object(
                                                JSONObject([
                                                    .init("block", .integer(block)),
                                                    .init(
                                                        "norm",
                                                        number(
                                                            comparison.norm(place, block: block))),
                                                    .init(
                                                        "cosine_with_next",
                                                        number(
                                                            comparison.cosineWithNext(
                                                                place, block: block))),
                                                ]))
                                        })),
                            ]))
                    })),
            .init(
                "pairs",
                .array(
                    comparison.pairs.map { pair in
                        .object(
                            JSONObject([
                                .init("first", .integer(pair.first)),
                                .init("second", .integer(pair.second)),
                                .init("mean_cosine", number(comparison.meanCosine(pair))),
                                .init("best_shift", .integer(comparison.bestShift(pair))),
                                .init(
                                    "cosines",
                                    .object(
                                        JSONObject(
                                            comparison.blocks.compactMap { block in
                                                comparison.cosine(pair, block: block).map {
                                                    .init("\(block)", .number($0))
                                                }
                                            }))),
                            ]))
                    })),
            .init("notes", .array(notes.map { .string($0) })),
        ])
    }
}
