import Formats
import Transformer
import Tuning

/// What each route of `bake` says of a call: what it costs, or why it refuses.
struct BakeRouteView {
    private struct Row {
        let name: String
        /// What the route is asked for: an operation and where it acts.
        let wanted: String
        let isChosen: Bool
        let answer: Result<BakeCost, any Error>
    }

    private let rows: [Row]
    private let isSplit: Bool

    init(
        _ plan: BakePlan, in source: Checkpoint, format: FileFormat, _ routes: [any BakeRoute]
    ) {
        self.init(
            plan.steps.map { ($0.interventions, $0.route.name) }, in: source, format: format,
            routes)
    }

    /// What the routes say where not all of the interventions are taken.
    init(
        refused interventions: [Intervention], in source: Checkpoint, format: FileFormat,
        _ routes: [any BakeRoute]
    ) {
        self.init(
            BakePlan.groups(interventions).map { ($0, nil) }, in: source, format: format, routes)
    }

    private init(
        _ steps: [(wanted: [Intervention], chosen: String?)], in source: Checkpoint,
        format: FileFormat, _ routes: [any BakeRoute]
    ) {
        isSplit = steps.count > 1
        rows = steps.flatMap { wanted, chosen in
            routes.map { route in
                let refusal = route.refusal(of: wanted, in: source, format: format)
                return Row(
                    name: route.name, wanted: Self.words(wanted), isChosen: route.name == chosen,
                    answer: refusal.map { .failure($0) }
                        ?? Result { try route.cost(of: wanted, in: source, format: format) })
            }
        }
    }

    /// What is done where: "add at resid_mid".
    private static func words(_ interventions: [Intervention]) -> String {
        let operations = Set(interventions.map(\.operation.rawValue)).sorted()
        let sites = Site.allCases.filter { site in interventions.contains { $0.site == site } }
        return operations.joined(separator: " and ") + " at "
            + sites.map(\.rawValue).joined(separator: " and ")
    }

    func show(on console: Console) {
        var table = Table(
            (isSplit ? [.left("for")] : []) + [
                .left("route"), .left("taken"), .right("bytes"), .right("multiply-adds a token"),
                .right("error"), .left("loaded by, or refused because"),
            ])
        for row in rows {
            let start = (isSplit ? [row.wanted] : []) + [row.name, row.isChosen ? "yes" : "no"]
            switch row.answer {
            case .success(let cost):
                table.add(
                    start + [
                        Self.signed(cost.bytes), Self.signed(cost.operations),
                        cost.error.map { Quantity.scientific($0, 1) } ?? "-",
                        cost.runtimes.joined(separator: ", "),
                    ])
            case .failure(let refusal):
                table.add(start + ["-", "-", "-", "\(refusal)"])
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
                    .init("for", .string(row.wanted)), .init("route", .string(row.name)),
                    .init("chosen", .bool(row.isChosen)),
                    .init("refusal", refusal.map { .string($0) } ?? .null),
                    .init("extra_bytes", cost.map { .integer($0.bytes) } ?? .null),
                    .init("extra_multiply_adds", cost.map { .integer($0.operations) } ?? .null),
                    .init("error", cost?.error.map { .number($0) } ?? .null),
                    .init(
                        "runtimes",
                        cost.map { .array($0.runtimes.map { .string($0) }) } ?? .null),
                ]))
        }
    }
}
