import Formats

/// A model's metadata, key by key, as `metadata` shows it.
struct MetadataList {
    /// A key with what there is to say about it.
    struct Entry {
        let key: String
        let type: String
        /// The whole value, for programs.
        let json: JSONValue
        /// The whole value as it is, of a text without quotes.
        let text: String
        /// The value on one line.
        let line: String
    }

    let entries: [Entry]

    /// The keys of a GGUF file.
    init(_ metadata: GGUFMetadata) {
        entries = metadata.entries.map { entry in
            Entry(
                key: entry.key, type: MetadataType(of: entry.value).name, json: entry.value.json,
                text: Self.text(entry.value.json), line: Self.line(entry.value.json))
        }
    }

    /// The members of a `config.json`, what the model is called, and the chat template.
    init(_ config: JSONObject, name: String?, template: String?) {
        let nameKey = FolderMetadataRewriting.nameKey
        let others = [(nameKey, name), (FolderMetadataRewriting.templateKey, template)]
        entries =
            config.members.filter { name == nil || $0.key != nameKey }.map {
                Self.entry($0.key, $0.value)
            }
            + others.compactMap { key, text in text.map { Self.entry(key, .string($0)) } }
    }

    private static func entry(_ key: String, _ value: JSONValue) -> Entry {
        Entry(key: key, type: kind(of: value), json: value, text: text(value), line: line(value))
    }

    private static func kind(of value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool: "bool"
        case .integer: "integer"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    private static func text(_ value: JSONValue) -> String {
        if let text = value.string { return text }
        if case .number(let number) = value, !number.isFinite { return "\(number)" }
        return JSONWriter().text(value)
    }

    /// The most characters of a value, and elements of an array, on a line.
    private static let (longest, most) = (160, 6)

    private static func line(_ value: JSONValue) -> String {
        if let array = value.array, array.count > most {
            let first = array.prefix(most).map { JSONWriter().text($0).clipped(to: 24) }
            return "[\(first.joined(separator: ",")),…] of \(array.count)"
        }
        let text = value.string.map { JSONWriter().text(.string($0)) } ?? text(value)
        guard text.count > longest else { return text }
        return "\(text.prefix(longest))… (\(text.utf8.count) bytes)"
    }

    subscript(key: String) -> Entry? { entries.first { $0.key == key } }

    func show(on console: Console) {
        for entry in entries { console.print("\(entry.key) (\(entry.type)) = \(entry.line)") }
    }

    var json: [JSONValue] {
        entries.map { entry in
            .object(
                JSONObject([
                    .init("key", .string(entry.key)), .init("type", .string(entry.type)),
                    .init("value", entry.json),
                ]))
        }
    }
}

/// What a call changes of a model's metadata.
struct MetadataChangeView {
    private let rows: [(key: String, before: MetadataList.Entry?, after: MetadataList.Entry?)]

    init(from before: MetadataList, to after: MetadataList) {
        let keys =
            before.entries.map(\.key)
            + after.entries.map(\.key).filter { before[$0] == nil }
        rows = keys.compactMap { key in
            let (old, new) = (before[key], after[key])
            return old?.json == new?.json && old?.type == new?.type ? nil : (key, old, new)
        }
    }

    var isEmpty: Bool { rows.isEmpty }

    func show(on console: Console) {
        for row in rows {
            switch (row.before, row.after) {
            case (let old?, let new?): console.print("\(row.key): \(old.line) -> \(new.line)")
            case (nil, let new?): console.print("\(row.key): new, \(new.type) \(new.line)")
            case (let old?, nil): console.print("\(row.key): removed (\(old.line))")
            case (nil, nil): break
            }
        }
    }

    var json: [JSONValue] {
        rows.map { row in
            .object(
                JSONObject([
                    .init("key", .string(row.key)), .init("before", row.before?.json ?? .null),
                    .init("after", row.after?.json ?? .null),
                ]))
        }
    }
}
