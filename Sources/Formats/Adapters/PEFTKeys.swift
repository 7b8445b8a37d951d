/// The members of an `adapter_config.json`, read as what they must be.
struct PEFTKeys: Sendable {
    let object: JSONObject
    /// For errors.
    let file: String

    /// The value of a key; nil where there is none or it is null.
    func value(_ key: String) -> JSONValue? {
        object[key].flatMap { $0 == .null ? nil : $0 }
    }

    // MARK: - Values

    func flag(_ key: String, standard: Bool = false) throws(AdapterError) -> Bool {
        switch value(key) {
        case nil: return standard
        case .bool(let value): return value
        default: throw wrong(key, "true or false")
        }
    }

    /// An integer from 1 on; what is missing is missed unless there is a standard.
    func positive(_ key: String, standard: Int? = nil) throws(AdapterError) -> Int {
        if value(key) == nil, let standard { return standard }
        guard let number = value(key)?.integer, number > 0 else {
            throw wrong(key, "an integer from 1 on")
        }
        return number
    }

    /// What torch's generator is set to.
    func seed(_ key: String, standard: UInt32) throws(AdapterError) -> UInt32 {
        guard let value = value(key) else { return standard }
        guard let seed = value.integer.flatMap(UInt32.init(exactly:)) else {
            throw wrong(key, "an integer that 32 bits hold")
        }
        return seed
    }

    func number(_ key: String, standard: Double? = nil) throws(AdapterError) -> Double {
        if value(key) == nil, let standard { return standard }
        guard let number = value(key)?.number, number.isFinite else {
            throw wrong(key, "a number")
        }
        return number
    }

    func texts(_ key: String) throws(AdapterError) -> [String] {
        guard let value = value(key) else { return [] }
        let texts = value.array?.compactMap(\.string)
        guard let texts, texts.count == value.array?.count else {
            throw wrong(key, "an array of strings")
        }
        return texts
    }

    /// Numbers by names of modules.
    func pattern<Number>(
        _ key: String, _ read: (JSONValue) -> Number?
    ) throws(AdapterError) -> NumbersByModule<Number> {
        switch value(key) {
        case nil: return NumbersByModule(key: key, file: file, entries: [])
        case .object(let members):
            var entries: [NumbersByModule<Number>.Entry] = []
            for member in members.members {
                guard let pattern = NamePattern(member.key, matching: .modulePath) else {
                    throw .unsupportedExpression(member.key, in: key, file: file)
                }
                guard let number = read(member.value) else {
                    throw wrong("\(key).\(member.key)", "a number it can have")
                }
                entries.append((pattern, number))
            }
            return NumbersByModule(key: key, file: file, entries: entries)
        default: throw wrong(key, "an object")
        }
    }

    // MARK: - Refusals

    func wrong(_ key: String, _ expected: String) -> AdapterError {
        .wrongValue(file: file, key: key, expected: expected)
    }

    /// What a key asks for that is not done.
    func unsupported(_ key: String, _ meaning: String) -> AdapterError {
        let value = value(key) ?? .null
        let text =
            value.string.map { "'\($0)'" }
            ?? String(decoding: JSONWriter().bytes(value), as: UTF8.self)
        return .unsupportedValue(
            file: file, key: key, value: text.count > 80 ? text.prefix(80) + "…" : text,
            meaning: meaning)
    }

    /// Refuses the first of these keys that says something.
    func refuse(_ keys: [(key: String, meaning: String)]) throws(AdapterError) {
        for (key, meaning) in keys where isSaid(key) { throw unsupported(key, meaning) }
    }

    /// Keys that say something and are none of these, nor any that change nothing whatever the method.
    func notes(known: Set<String>) -> [String] {
        object.members.map(\.key).filter {
            isSaid($0) && !known.contains($0) && !Self.harmless.contains($0)
        }.map { "\(file): key \($0.quoted) is not known and has no effect, as in PEFT" }
    }

    private func isSaid(_ key: String) -> Bool {
        switch object[key] {
        case nil, .null, .bool(false), .array([]), .object(JSONObject()), .string(""): false
        default: true
        }
    }

    /// Keys of all methods that change nothing in what is merged.
    private static let harmless: Set<String> = [
        "auto_mapping", "base_model_name_or_path", "exclude_modules", "inference_mode",
        "layers_pattern", "layers_to_transform", "peft_type", "peft_version", "revision",
        "target_modules", "task_type",
    ]
}

/// Numbers that a configuration gives for single modules, by regular expressions for their names: the first that matches
/// the name, or the end of it after a dot, counts.
struct NumbersByModule<Number: Equatable & Sendable>: Sendable {
    typealias Entry = (key: NamePattern, value: Number)

    /// The key of the configuration.
    let key: String
    let file: String
    /// In the order of the file.
    let entries: [Entry]

    /// - Throws: `AdapterError.unsupportedValue` where an expression is too costly to tell.
    func matches(_ module: String) throws(AdapterError) -> [Entry] {
        var found: [Entry] = []
        for entry in entries {
            guard let isMatch = entry.key.matches(module) else {
                throw .unsupportedExpression(entry.key.text, in: key, file: file)
            }
            if isMatch { found.append(entry) }
        }
        return found
    }
}

extension AdapterError {
    fileprivate static func unsupportedExpression(
        _ text: String, in key: String, file: String
    ) -> AdapterError {
        .unsupportedValue(
            file: file, key: key, value: text.quoted,
            meaning: "a regular expression beyond groups, sets, counts and alternatives")
    }
}
