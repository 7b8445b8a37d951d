import Formats

/// What an adapter says of itself, as `inspect` shows it.
struct AdapterView {
    private let summary: AdapterSummary

    init(_ summary: AdapterSummary) {
        self.summary = summary
    }

    func show(on console: Console) {
        for (name, value) in lines { console.print("\(name.padded(to: 14))\(value)") }
        guard !summary.updates.isEmpty else { return }
        console.print()
        var table = Table([.left("updates"), .right("rank")])
        for update in summary.updates {
            table.add(update.name, update.rank.map { "\($0)" } ?? "–")
        }
        console.print(table)
    }

    private var byteCount: Int { summary.tensors.reduce(0) { $0 + $1.bytes.count } }

    private var parameterCount: Int {
        summary.tensors.reduce(0) { $0 + ($1.description.elementCount ?? 0) }
    }

    private var lines: [(name: String, value: String)] {
        var lines = [
            (
                "format",
                summary.format == .peft
                    ? "adapter of PEFT" : "low-rank adapter of llama.cpp (GGUF)"
            )
        ]
        func add(_ name: String, _ value: String?) {
            if let value { lines.append((name, value)) }
        }
        add("method", summary.method)
        add("architecture", summary.architecture)
        add("base", summary.base ?? "not named")
        add(
            "rank",
            summary.ranks.isEmpty
                ? summary.rank.map(String.init)
                : summary.ranks.map(String.init).joined(separator: ", "))
        add(
            "alpha",
            summary.alpha.map { "\($0)" + (summary.isRankStabilized ? " (over √rank)" : "") })
        add(
            "updates",
            "\(summary.updates.count) weights, \(summary.tensors.count) tensors of \(parameterCount) "
                + "parameters, \(Quantity.bytes(byteCount))")
        let types = Dictionary(grouping: summary.tensors, by: \.type).map {
            "\($0.key.name) \($0.value.count)"
        }
        add("types", types.isEmpty ? nil : types.sorted().joined(separator: ", "))
        add(
            "merge",
            summary.obstacle.map { "refused: \($0)" } ?? "into its base, with 'rtedit merge'")
        return lines
    }

    var json: JSONObject {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        return JSONObject([
            .init("kind", .string("adapter")), .init("format", .string(summary.format.rawValue)),
            .init("method", text(summary.method)),
            .init("architecture", text(summary.architecture)), .init("base", text(summary.base)),
            .init("ranks", .array(summary.ranks.map { .integer($0) })),
            .init("alpha", summary.alpha.map { .number($0) } ?? .null),
            .init("rank_stabilized", .bool(summary.isRankStabilized)),
            .init("tensor_count", .integer(summary.tensors.count)),
            .init("parameters", .integer(parameterCount)), .init("bytes", .integer(byteCount)),
            .init("problem", text(summary.obstacle.map { "\($0)" })),
            .init(
                "updates",
                .array(
                    summary.updates.map { update in
                        .object(
                            JSONObject([
                                .init("name", .string(update.name)),
                                .init("rank", update.rank.map { .integer($0) } ?? .null),
                            ]))
                    })),
        ])
    }
}
