/// A value of a key as text, compared byte by byte.
enum SettingValue: Equatable {
    case one(String)
    case list([String])

    /// Longer lists are not shown whole.
    private static let shortList = 6

    init(_ value: GGUFValue) {
        switch value {
        case .string(let string): self = .one(string.text)
        case .bool(let flag): self = .one("\(flag)")
        case .f32(let number): self = .one("\(number)")
        case .array(let array): self = .list(Self.texts(array))
        default:
            self = .one(
                value.integer.map(String.init) ?? value.number.map { "\($0)" } ?? "\(value)")
        }
    }

    init(_ value: JSONValue) {
        if let elements = value.array {
            self = .list(elements.map { JSONWriter().text($0) })
        } else {
            self = .one(JSONWriter().text(value))
        }
    }

    static func == (left: SettingValue, right: SettingValue) -> Bool {
        switch (left, right) {
        case (.one(let a), .one(let b)): ExactString(a) == ExactString(b)
        case (.list(let a), .list(let b)): a.map(ExactString.init) == b.map(ExactString.init)
        default: false
        }
    }

    /// The value for people: of a long list how many entries it has, and the first that the other side's has not.
    func text(beside other: SettingValue?) -> String {
        switch self {
        case .one(let text): return text
        case .list(let entries):
            let others: [String]? = if case .list(let list)? = other { list } else { nil }
            guard max(entries.count, others?.count ?? 0) > Self.shortList else {
                return "[\(entries.joined(separator: ", "))]"
            }
            let count = "\(entries.count) entries"
            guard let others else { return count }
            let index =
                zip(entries, others).enumerated().first {
                    ExactString($0.element.0) != ExactString($0.element.1)
                }?.offset ?? min(entries.count, others.count)
            return index < entries.count
                ? "\(count), [\(index)]: \(entries[index])" : "\(count), no [\(index)]"
        }
    }

    private static func texts(_ array: GGUFArray) -> [String] {
        switch array {
        case .u8(let values): values.map { "\($0)" }
        case .i8(let values): values.map { "\($0)" }
        case .u16(let values): values.map { "\($0)" }
        case .i16(let values): values.map { "\($0)" }
        case .u32(let values): values.map { "\($0)" }
        case .i32(let values): values.map { "\($0)" }
        case .u64(let values): values.map { "\($0)" }
        case .i64(let values): values.map { "\($0)" }
        case .f32(let values): values.map { "\($0)" }
        case .f64(let values): values.map { "\($0)" }
        case .bool(let values): values.map { "\($0)" }
        case .strings(let list): list.indices.map(list.text)
        }
    }
}
