extension EditHistory {
    /// The keys of GGUF files.
    enum Key {
        static let name = "general.name"
        static let description = "general.description"
        static let prefix = "rtedit.edit."
        static let count = prefix + "count"

        /// A key of one edit, counted from 0.
        static func of(_ edit: Int, _ member: String) -> String { "\(prefix)\(edit).\(member)" }
    }

    /// The most edits that are read; no file has nearly as many.
    private static let limit = 100_000

    /// Reads the keys of a GGUF file.
    ///
    /// - Throws: `MetadataError.malformedHistory` where the keys of edits are not what rtedit writes.
    package init(metadata: GGUFMetadata, file: String) throws(MetadataError) {
        name = metadata[Key.name]?.text
        description = metadata[Key.description]?.text
        edits = []
        let own = metadata.entries.filter { $0.key.hasPrefix(Key.prefix) }
        guard !own.isEmpty else { return }
        guard let count = metadata[Key.count]?.integer, (1...Self.limit).contains(count) else {
            throw .malformedHistory(
                file: file, key: Key.count, expected: "a number from 1 to \(Self.limit)")
        }
        // What a further edit would write may not be there yet.
        let next = Key.of(count, "")
        if let key = own.first(where: { $0.key.hasPrefix(next) })?.key {
            throw .malformedHistory(
                file: file, key: key, expected: "of an edit below \(count), the number of edits")
        }
        for number in 0..<count {
            edits.append(try Self.edit(number, in: GGUFMetadata(own), file: file))
        }
    }

    private static func edit(
        _ number: Int, in metadata: GGUFMetadata, file: String
    ) throws(MetadataError) -> Edit {
        func text(_ member: String) throws(MetadataError) -> String {
            guard let text = metadata[Key.of(number, member)]?.text else {
                throw .malformedHistory(
                    file: file, key: Key.of(number, member), expected: "a string")
            }
            return text
        }
        func texts(_ member: String) throws(MetadataError) -> [String] {
            guard let value = metadata[Key.of(number, member)] else { return [] }
            guard let strings = value.array?.strings else {
                throw .malformedHistory(
                    file: file, key: Key.of(number, member), expected: "an array of strings")
            }
            return strings.indices.map(strings.text)
        }
        let names = try texts("input.name")
        let hashes = try texts("input.sha256")
        guard names.count == hashes.count else {
            throw .malformedHistory(
                file: file, key: Key.of(number, "input.sha256"),
                expected: "of \(names.count) strings, as there are names of inputs")
        }
        return Edit(
            command: try text("command"), options: try texts("options"),
            method: metadata[Key.of(number, "method")]?.text,
            base: Source(name: try text("base.name"), sha256: try text("base.sha256")),
            inputs: zip(names, hashes).map { Source(name: $0, sha256: $1) },
            version: try text("version"))
    }

    /// The keys of the edits.
    var entries: [GGUFMetadata.Entry] { entries(from: 0) }

    /// The keys of the edits from one on, and their number.
    private func entries(from first: Int) -> [GGUFMetadata.Entry] {
        guard !edits.isEmpty else { return [] }
        func string(_ text: String) -> GGUFValue { .string(ByteString(text)) }
        func strings(_ texts: [String]) -> GGUFValue { .array(.strings(ByteStringList(texts))) }
        var entries = [
            GGUFMetadata.Entry(Key.count, .u32(UInt32(clamping: edits.count)))
        ]
        for (number, edit) in edits.enumerated().dropFirst(first) {
            func add(_ member: String, _ value: GGUFValue) {
                entries.append(GGUFMetadata.Entry(Key.of(number, member), value))
            }
            add("command", string(edit.command))
            if !edit.options.isEmpty { add("options", strings(edit.options)) }
            if let method = edit.method { add("method", string(method)) }
            add("base.name", string(edit.base.name))
            add("base.sha256", string(edit.base.sha256))
            if !edit.inputs.isEmpty {
                add("input.name", strings(edit.inputs.map(\.name)))
                add("input.sha256", strings(edit.inputs.map(\.sha256)))
            }
            add("version", string(edit.version))
        }
        return entries
    }

    /// Writes the history over that of a file, whose earlier edits stay as they are.
    ///
    /// - Parameter known: how many edits the file has already.
    func write(to metadata: inout GGUFMetadata, known: Int) {
        if let name { metadata.describe(Key.name, name) }
        if let description { metadata.describe(Key.description, description) }
        for entry in entries(from: known) { metadata[entry.key] = entry.value }
    }
}

extension GGUFMetadata {
    /// Sets a text of the model's description; a new one stands behind the name, where llama.cpp's converter has it.
    fileprivate mutating func describe(_ key: String, _ text: String) {
        let value = GGUFValue.string(ByteString(text))
        let place = entries.firstIndex { $0.key == EditHistory.Key.name }
        if self[key] == nil, let place {
            entries.insert(Entry(key, value), at: place + 1)
        } else {
            self[key] = value
        }
    }
}
