/// The values under which a key of a model's configuration changes nothing.
enum Neutral: Sendable {
    /// Null, false, 0, and an empty text, list or object.
    case absent
    /// Null, and these; of a list, each element must be one of them.
    case only([JSONValue])

    /// A factor of 1.
    static let one = Neutral.only([.integer(1)])
    static let yes = Neutral.only([.bool(true)])

    static func texts(_ texts: String...) -> Neutral { .only(texts.map { .string($0) }) }

    func allows(_ value: JSONValue) -> Bool {
        if value == .null { return true }
        switch self {
        case .absent:
            return switch value {
            case .bool(let flag): !flag
            case .string(let text): text.isEmpty
            case .array(let items): items.isEmpty
            case .object(let object): object.members.isEmpty
            default: value.number == 0
            }
        case .only(let values):
            if let items = value.array { return items.allSatisfy(allows) }
            return values.contains { Self.isSame($0, value) }
        }
    }

    /// Whether two values are the same, whether numbers are written as integers or not.
    static func isSame(_ first: JSONValue, _ second: JSONValue) -> Bool {
        if let first = first.number, let second = second.number { return first == second }
        return first == second
    }

    /// The values, for messages.
    var description: String {
        switch self {
        case .absent: "none"
        case .only(let values):
            values.map { JSONWriter().text($0) }.joined(separator: " or ")
        }
    }
}
