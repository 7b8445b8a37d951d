import Formats
import Tuning

/// What a check of contrast pairs found.
struct PairCheckView {
    private let check: PairCheck
    private let file: String
    private let model: String?

    init(_ check: PairCheck, file: String, model: String?) {
        self.check = check
        self.file = file
        self.model = model
    }

    private var unit: String { model == nil ? "words" : "tokens" }

    func show(on console: Console) {
        console.print(
            "\(file): \(Quantity.count(check.pairCount, "pair")); \(unit) of the positive side \(text(check.positive)), of "
                + "the negative \(text(check.negative))")
        if !check.findings.isEmpty {
            var table = Table([.left("finding"), .left("lines"), .left("what")])
            for finding in check.findings {
                table.add(
                    (finding.isFault ? "fault: " : "remark: ") + finding.kind.rawValue,
                    lines(finding), finding.text)
            }
            console.print(table)
        }
        let faults = check.faults.count
        console.print(
            faults == 0
                ? "nothing that would spoil a direction"
                : "\(faults) \(faults == 1 ? "fault" : "faults") that would spoil a direction")
    }

    private func text(_ lengths: PairCheck.Lengths) -> String {
        "\(Quantity.fixed(lengths.mean, 1)) (\(lengths.least) to \(lengths.most))"
    }

    /// The first lines, and how many more there are.
    private func lines(_ finding: PairFinding) -> String {
        guard !finding.lines.isEmpty else { return "all" }
        let shown = finding.lines.prefix(6)
        let rest = finding.lines.count - shown.count
        return shown.map(String.init).joined(separator: ", ")
            + (rest > 0 ? " and \(rest) more" : "")
    }

    var json: JSONObject {
        func json(_ lengths: PairCheck.Lengths) -> JSONValue {
            .object(
                JSONObject([
                    .init("mean", .number(lengths.mean)), .init("least", .integer(lengths.least)),
                    .init("most", .integer(lengths.most)),
                ]))
        }
        return JSONObject([
            .init("file", .string(file)), .init("model", model.map { .string($0) } ?? .null),
            .init("pairs", .integer(check.pairCount)), .init("unit", .string(unit)),
            .init("positive", json(check.positive)), .init("negative", json(check.negative)),
            .init("faults", .integer(check.faults.count)),
            .init("remarks", .integer(check.findings.count - check.faults.count)),
            .init(
                "findings",
                .array(
                    check.findings.map { finding in
                        .object(
                            JSONObject([
                                .init("kind", .string(finding.kind.rawValue)),
                                .init("fault", .bool(finding.isFault)),
                                .init("lines", .array(finding.lines.map { .integer($0) })),
                                .init("text", .string(finding.text)),
                            ]))
                    })),
        ])
    }
}
