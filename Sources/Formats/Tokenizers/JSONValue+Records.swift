extension JSONValue {
    /// An object of these members.
    static func record(_ members: (String, JSONValue)...) -> JSONValue { record(members) }

    /// An object of these members.
    static func record(_ members: [(String, JSONValue)]) -> JSONValue {
        .object(JSONObject(members.map { JSONObject.Member($0.0, $0.1) }))
    }

    /// A component of `tokenizer.json`: an object with its type and these members.
    static func component(_ type: String, _ members: (String, JSONValue)...) -> JSONValue {
        record([("type", .string(type))] + members)
    }

    /// The type of a component of `tokenizer.json`, for errors as well.
    var componentType: String {
        object?["type"]?.string ?? (self == .null ? "none" : "a component without type")
    }

    /// The steps of a `Sequence` under `key`, one by one and however nested; the component itself where it is none.
    ///
    /// - Returns: nil where the sequence holds no list.
    func components(_ key: String) -> [JSONValue]? {
        guard self != .null else { return [] }
        guard object?["type"]?.string == "Sequence" else { return [self] }
        guard let steps = object?[key]?.array else { return nil }
        var all: [JSONValue] = []
        for step in steps {
            guard let inner = step.components(key) else { return nil }
            all += inner
        }
        return all
    }
}
