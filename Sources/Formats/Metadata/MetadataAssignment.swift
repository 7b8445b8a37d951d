/// A key that is to have a value, as a user writes it: `KEY=VALUE` or `KEY:TYPE=VALUE`.
///
/// A key that is there keeps its type. A new one has the type that is written, or that readers want of it, or is a text;
/// where the text could be a number too, the type has to be written.
package struct MetadataAssignment: Sendable, Hashable {
    package let key: String
    package let text: String
    /// What follows the key's colon; for a member of a `config.json` also `json`.
    let typeName: String?
    /// What follows the key's last colon and is no type; a key that is there may have colons in its name.
    private let otherName: String?

    /// The name with which a member of a `config.json` is given as JSON.
    private static let json = "json"

    package init(key: String, text: String) {
        self.key = key
        self.text = text
        typeName = nil
        otherName = nil
    }

    /// - Throws: `MetadataError.notAnAssignment`.
    package init(_ text: String) throws(MetadataError) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else { throw .notAnAssignment(text: text) }
        self.text = String(parts[1])
        if let colon = parts[0].lastIndex(of: ":") {
            let name = parts[0][parts[0].index(after: colon)...]
            if MetadataType(name) != nil || name == Self.json, colon > parts[0].startIndex {
                key = String(parts[0][..<colon])
                typeName = String(name)
                otherName = nil
                return
            }
            otherName = String(name)
        } else {
            otherName = nil
        }
        key = String(parts[0])
        typeName = nil
    }

    // MARK: - GGUF

    /// The value for a GGUF file.
    ///
    /// - Parameter present: the value of the key in the file; nil for a new key.
    /// - Throws: `MetadataError.wrongValue`, `otherType`, `typeNeeded`.
    package func value(replacing present: GGUFValue?) throws(MetadataError) -> GGUFValue {
        let type = try type(replacing: present)
        guard let value = type.value(text) else {
            throw .wrongValue(key: key, text: text, type: type.words)
        }
        return value
    }

    private func type(replacing present: GGUFValue?) throws(MetadataError) -> MetadataType {
        let asked = typeName.flatMap { MetadataType($0) }
        if let present {
            let own = MetadataType(of: present)
            if let typeName, asked != own {
                throw .otherType(key: key, type: own.name, asked: typeName)
            }
            return own
        }
        if typeName == Self.json {
            throw .wrongValue(
                key: key, text: Self.json,
                type: "a type of GGUF: \(MetadataType.names.joined(separator: ", "))")
        }
        if let name = otherName {
            throw .noType(name: name, types: MetadataType.names)
        }
        if let type = asked ?? MetadataKeys.type(of: key) { return type }
        guard !isAmbiguous else {
            let numbers = Bool(text) != nil ? "bool" : Int(text) != nil ? "u32" : "f32"
            throw .typeNeeded(key: key, text: text, types: [numbers, "string"])
        }
        return MetadataType(.string)
    }

    // MARK: - config.json

    /// The value for a member of a `config.json`.
    ///
    /// - Parameter present: what it is now; nil for a new member.
    /// - Throws: as `value(replacing:)` of GGUF.
    package func member(replacing present: JSONValue?) throws(MetadataError) -> JSONValue {
        let parsed = try? JSONReader.parse(Array(text.utf8), source: "")
        if typeName == "string" { return .string(text) }
        if typeName == Self.json {
            guard let parsed else { throw .wrongValue(key: key, text: text, type: "JSON") }
            return parsed
        }
        if let typeName {
            throw .wrongValue(
                key: key, text: typeName, type: "a type of config.json: string or \(Self.json)")
        }
        if present == nil, let name = otherName {
            throw .noType(name: name, types: ["string", Self.json])
        }
        switch (present, parsed) {
        case (.string?, _): return .string(text)
        case (nil, let value?) where value.string == nil:
            throw .typeNeeded(key: key, text: text, types: [Self.json, "string"])
        case (nil, _): return .string(text)
        case (.null?, let value?): return value
        case (let own?, let value?) where own.words == value.words: return value
        case (let own?, _): throw .wrongValue(key: key, text: text, type: own.words)
        }
    }

    /// Whether the text could be a number or a flag.
    private var isAmbiguous: Bool { Bool(text) != nil || Double(text) != nil }
}

extension GGUFMetadata {
    /// Sets keys one after the other.
    ///
    /// - Throws: as `MetadataAssignment.value`.
    package mutating func assign(_ assignments: [MetadataAssignment]) throws(MetadataError) {
        for assignment in assignments {
            let value = try assignment.value(replacing: self[assignment.key])
            self[assignment.key] = value
        }
    }
}

extension JSONObject {
    /// Sets members one after the other.
    ///
    /// - Throws: as `MetadataAssignment.member`.
    package mutating func assign(_ assignments: [MetadataAssignment]) throws(MetadataError) {
        for assignment in assignments {
            let value = try assignment.member(replacing: self[assignment.key])
            self[assignment.key] = value
        }
    }
}

extension JSONValue {
    /// What kind of value it is.
    fileprivate var words: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .integer, .number: "a number"
        case .string: "a text"
        case .array: "a JSON array"
        case .object: "a JSON object"
        }
    }
}
