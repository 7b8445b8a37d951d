/// What a folder says of its quantisation, while a scheme reads it.
struct PackingConfiguration {
    let members: JSONObject
    /// Where it stands, for errors.
    let place: String

    /// The sizes that layers can have; others are mistakes or attacks, and would overflow sums.
    static let sizes = -(1 << 24)..<1 << 24

    /// A member; nil where it is missing or null.
    subscript(key: String) -> JSONValue? {
        members[key].flatMap { $0 == .null ? nil : $0 }
    }

    /// Refuses members that rtedit does not know: they may change what the codes mean.
    func refuseOthers(_ known: Set<String>) throws(PackingProblem) {
        for member in members.members
        where !known.contains(member.key) && !member.key.hasPrefix("_") && member.value != .null {
            throw .unsupported("\(place) has a member \(member.key.quoted), which is not known")
        }
    }

    /// Refuses a member with any value but these.
    func require(_ key: String, _ allowed: [JSONValue]) throws(PackingProblem) {
        guard let value = self[key], !allowed.contains(value) else { return }
        throw refusal(of: key, value)
    }

    /// A whole number, or nil where it is missing.
    func integer(_ key: String) throws(PackingProblem) -> Int? {
        guard let value = self[key] else { return nil }
        guard let number = value.integer, Self.sizes.contains(number) else {
            throw refusal(of: key, value)
        }
        return number
    }

    /// A flag, or nil where it is missing.
    func flag(_ key: String) throws(PackingProblem) -> Bool? {
        guard let value = self[key] else { return nil }
        guard let flag = value.bool else { throw refusal(of: key, value) }
        return flag
    }

    /// Text in lower case, or nil where it is missing.
    func text(_ key: String) throws(PackingProblem) -> String? {
        guard let value = self[key] else { return nil }
        guard let text = value.string else { throw refusal(of: key, value) }
        return text.lowercased()
    }

    /// A block's rows and columns, or nil where it is missing.
    func block(_ key: String) throws(PackingProblem) -> (rows: Int, columns: Int)? {
        guard let value = self[key] else { return nil }
        let sizes = value.array?.compactMap(\.integer) ?? []
        guard sizes.count == 2, sizes.allSatisfy({ $0 > 0 && Self.sizes.contains($0) }) else {
            throw refusal(of: key, value)
        }
        return (sizes[0], sizes[1])
    }

    /// An object inside it.
    func inner(_ key: String) throws(PackingProblem) -> PackingConfiguration? {
        guard let value = self[key] else { return nil }
        guard let object = value.object else { throw refusal(of: key, value) }
        return PackingConfiguration(members: object, place: "\(place), '\(key)'")
    }

    /// What to say of a value that is not read.
    func refusal(of key: String, _ value: JSONValue) -> PackingProblem {
        let text = String(decoding: JSONWriter().bytes(value), as: UTF8.self)
        return .unsupported("\(place): '\(key)' is \(text.quoted), which is not supported")
    }
}
