import Formats
import Transformer
import Tuning

/// What each route of `bake` says of a call: what it costs, or why it refuses.
struct BakeRouteView {
    private struct Row {
        let name: String
        let isChosen: Bool
        let answer: Result<BakeCost, any Error>
    }

    private let rows: [Row]

    /// - Throws: `CheckpointError` where the model's numbers are unusable.
    init(
        chosen: any BakeRoute, for interventions: [Intervention], in source: Checkpoint,
        format: FileFormat
    ) throws {
        rows = try BakeRoutes.all.map { route in
            let refusal = route.refusal(of: interventions, in: source, format: format)
            return Row(
                name: route.name, isChosen: route.name == chosen.name,
                answer: try refusal.map { .failure($0) }
                    ?? .success(route.cost(of: interventions, in: source, format: format)))
        }
    }

    func show(on console: Console) {
        var table = Table([
            .left("route"), .left("taken"), .right("bytes"), .right("multiply-adds a token"),
            .left("loaded by, or refused because"),
        ])
        for row in rows {
            let taken = row.isChosen ? "yes" : "no"
            switch row.answer {
            case .success(let cost):
                table.add(
                    row.name, taken, Self.signed(cost.bytes), Self.signed(cost.operations),
                    cost.runtimes.joined(separator: ", "))
            case .failure(let refusal): table.add(row.name, taken, "-", "-", "\(refusal)")
            }
        }
        console.print(table)
    }

    private static func signed(_ count: Int) -> String { count > 0 ? "+\(count)" : "\(count)" }

    var json: [JSONValue] {
        rows.map { row in
            let cost = try? row.answer.get()
            let refusal: String? =
                if case .failure(let error) = row.answer { "\(error)" } else { nil }
            return .object(
                JSONObject([
                    .init("route", .string(row.name)), .init("chosen", .bool(row.isChosen)),
                    .init("refusal", refusal.map { .string($0) } ?? .null),
                    .init("extra_bytes", cost.map { .integer($0.bytes) } ?? .null),
                    .init("extra_multiply_adds", cost.map { .integer($0.operations) } ?? .null),
                    .init(
                        "runtimes",
                        cost.map { .array($0.runtimes.map { .string($0) }) } ?? .null),
                ]))
        }
    }
}
