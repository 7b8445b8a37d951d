import Formats

/// How metadata is shown: every number as it is in the file, also those that JSON has no form for.
enum MetadataView {
    /// A value of a GGUF file in one line.
    static func text(_ value: GGUFValue) -> String {
        switch value {
        case .array(let array): "array of \(array.count)"
        case .u64(let number): String(number)
        default: text(value.json)
        }
    }

    /// A member of a `config.json` in one line.
    static func text(_ value: JSONValue) -> String {
        if let array = value.array { return "array of \(array.count)" }
        if case .number(let number) = value, !number.isFinite { return "\(number)" }
        return JSONWriter().text(value)
    }
}

extension GGUFValue {
    /// The value as JSON; text that is not UTF-8 is repaired. Integers beyond `Int` are text.
    var json: JSONValue {
        switch self {
        case .bool(let value): .bool(value)
        case .string(let value): .string(value.text)
        case .array(let array): .array(array.json)
        case .u64(let value): .integer(orText: value)
        default: integer.map { .integer($0) } ?? number.map { .number($0) } ?? .null
        }
    }
}

extension GGUFArray {
    fileprivate var json: [JSONValue] {
        switch self {
        case .strings(let strings): strings.indices.map { .string(strings.text($0)) }
        case .bool(let values): values.map { .bool($0) }
        case .f32(let values): values.map { .number(Double($0)) }
        case .f64(let values): values.map { .number($0) }
        case .u64(let values): values.map { .integer(orText: $0) }
        default: integers?.map { .integer($0) } ?? []
        }
    }

    fileprivate var count: Int { json.count }
}

extension JSONValue {
    fileprivate static func integer(orText value: UInt64) -> JSONValue {
        Int(exactly: value).map { .integer($0) } ?? .string(String(value))
    }
}
