import Formats

/// Whether a quantised file is exactly what quantising another checkpoint gives, in words and as JSON.
struct QuantizationView {
    private let check: QuantizationCheck
    private let path: String
    private let source: String

    private static let shortList = 8

    init(_ check: QuantizationCheck, path: String, source: String) {
        self.check = check
        self.path = path
        self.source = source
    }

    func show(on console: Console) {
        console.print()
        console.print(sentence, style: .strong)
        for line in evidence { console.print("  \(line)") }
    }

    private var sentence: String {
        let types = check.mix.map { " as \($0.name)" } ?? ""
        let importance = check.importance.map { " with the importance matrix \($0)" } ?? ""
        let result = "what quantising \(source)\(types)\(importance) gives"
        return check.isExact
            ? "\(path) is exactly \(result): all \(check.tensors.count) tensors have the same bytes"
            : "\(path) is not exactly \(result)"
    }

    private var evidence: [String] {
        [throughF16, exceptions, differences, strangers, declaration].compactMap { $0 }
    }

    private var throughF16: String? {
        let count = check.tensors.count { $0.relation == .exactThroughF16 }
        return count == 0
            ? nil
            : "\(count) of them of values that were rounded to f16 first, as a file in f16 has them"
    }

    private var exceptions: String? {
        guard let mix = check.mix, !check.exceptions.isEmpty else { return nil }
        let named = check.exceptions.prefix(Self.shortList).map {
            "\($0.name) \($0.type.name) in place of \($0.expected.name)"
        }
        return "not in the types of \(mix.name): " + Self.list(named, of: check.exceptions.count)
    }

    private var differences: String? {
        let others = check.others
        guard !others.isEmpty else { return nil }
        let named = others.prefix(Self.shortList).map { tensor in
            switch tensor.relation {
            case .different(let rows, let all):
                "\(tensor.name) (\(tensor.type.name), \(rows) of \(all) rows)"
            default: "\(tensor.name) (another shape, or a type that cannot be encoded)"
            }
        }
        return "\(others.count) of \(check.tensors.count) tensors are not what encoding gives: "
            + Self.list(named, of: others.count)
    }

    private var strangers: String? {
        let named =
            check.missing.map { "\($0) is in \(source) alone" }
            + check.extra.map { "\($0) is in \(path) alone" }
        return named.isEmpty
            ? nil : Self.list(Array(named.prefix(Self.shortList)), of: named.count)
    }

    private var declaration: String? {
        guard let declared = check.declaration else {
            return check.importance == nil
                ? nil : "\(path) does not say that it was made with an importance matrix"
        }
        let text = declared.dataset.map { " of the text \($0)" } ?? ""
        let size = [
            declared.entries.map { "\($0) entries" }, declared.chunks.map { "\($0) chunks" },
        ].compactMap { $0 }.joined(separator: ", ")
        let name =
            "it says that it was made with the importance matrix \(declared.file)\(text)"
            + (size.isEmpty ? "" : " (\(size))")
        return check.importance == nil ? name + "; --imatrix compares with it" : name
    }

    private static func list(_ named: [String], of count: Int) -> String {
        let hidden = count - named.count
        return named.joined(separator: ", ") + (hidden > 0 ? " and \(hidden) more" : "")
    }

    // MARK: - JSON

    var json: JSONValue {
        var object = JSONObject([
            .init("exact", .bool(check.isExact)), .init("file", .string(path)),
            .init("source", .string(source)),
            .init("mix", check.mix.map { .string($0.name) } ?? .null),
            .init("imatrix", check.importance.map { .string($0) } ?? .null),
            .init("tensors", .integer(check.tensors.count)),
            .init(
                "through_f16",
                .integer(check.tensors.count { $0.relation == .exactThroughF16 })),
            .init("different", .array(check.others.map(Self.json))),
            .init("missing", .array(check.missing.map { .string($0) })),
            .init("extra", .array(check.extra.map { .string($0) })),
            .init(
                "exceptions",
                .array(
                    check.exceptions.map {
                        .object(
                            JSONObject([
                                .init("tensor", .string($0.name)),
                                .init("type", .string($0.type.name)),
                                .init("expected", .string($0.expected.name)),
                            ]))
                    })),
        ])
        if let declared = check.declaration {
            object["declared_imatrix"] = .string(declared.file)
        }
        return .object(object)
    }

    private static func json(_ tensor: QuantizationCheck.Tensor) -> JSONValue {
        var object = JSONObject([
            .init("tensor", .string(tensor.name)), .init("type", .string(tensor.type.name)),
        ])
        if case .different(let rows, let all) = tensor.relation {
            object["rows"] = .integer(rows)
            object["of"] = .integer(all)
        }
        return .object(object)
    }
}
