/// What a GGUF file's keys may say beyond the numbers that rtedit reads.
///
/// A file is run as llama.cpp runs it, so what a key means is decided by its loader for each architecture: keys that it
/// does not read for the family change nothing, those that it reads and rtedit does not compute are refused, and so are
/// those that it does not know.
struct MetadataRules {
    let keys: GGUFKeys
    let architecture: Architecture

    /// Keys that llama.cpp reads for every architecture, and the values that change nothing.
    private static let shared: [(key: String, neutral: Neutral)] = [
        ("attention.causal", .yes), ("nextn_predict_layers", .absent),
        ("expert_group_count", .only([.integer(0), .integer(1)])),
    ]

    /// Keys of the family's own prefix that llama.cpp knows, does not read for the family, and that hold something.
    var unread: [String] {
        let read = readKeys
        return ownKeys.filter { key in
            guard LlamaCppKeys.all.contains(key), !read.contains(key) else { return false }
            return keys.metadata[keys.full(key)].map { !Neutral.absent.allows($0.plain) } ?? false
        }.map(keys.full)
    }

    /// Refuses what changes the computation and rtedit does not compute.
    ///
    /// - Parameter numbers: what was read.
    /// - Throws: `CheckpointError.unsupportedFeature` naming the key, what it is and what it may be.
    func check(_ numbers: Hyperparameters) throws(CheckpointError) {
        for key in ownKeys where !LlamaCppKeys.all.contains(key) && !readKeys.contains(key) {
            throw .unsupportedFeature(
                file: keys.file,
                fact: "'\(keys.full(key))' is a key that neither llama.cpp nor rtedit knows")
        }
        let own = Set(architecture.numbers.flatMap(\.metadata.keys))
        for (key, neutral) in Self.shared.filter({ !own.contains($0.key) })
            + architecture.metadataOnly
        {
            try keys.require(key, neutral)
        }
        try keys.require(
            "embedding_length_out", .only([.integer(0), .integer(numbers.hiddenSize)]))
        try checkRope(numbers)
    }

    /// Rotary keys that llama.cpp applies to other scalings than rtedit computes.
    private func checkRope(_ numbers: Hyperparameters) throws(CheckpointError) {
        guard architecture.positions == .rotary else { return }
        switch numbers.rope.scaling {
        case .yarn: break
        case .longrope: try keys.require("rope.scaling.factor", .only([.integer(0), .integer(1)]))
        default: try keys.require("rope.scaling.attn_factor", .one)
        }
    }

    private var ownKeys: [String] {
        let prefix = keys.prefix + "."
        return keys.metadata.entries.compactMap { entry in
            entry.key.hasPrefix(prefix) ? String(entry.key.dropFirst(prefix.count)) : nil
        }
    }

    private var readKeys: Set<String> {
        LlamaCppKeys.ofEveryArchitecture.union(architecture.numbers.flatMap(\.metadata.keys))
            .union(architecture.metadataOnly.map(\.key))
    }
}

extension GGUFKeys {
    /// Refuses a key whose value changes something.
    func require(_ key: String, _ neutral: Neutral) throws(CheckpointError) {
        guard let value = metadata[full(key)], !neutral.allows(value.plain) else { return }
        throw .unsupportedFeature(
            file: file,
            fact: "'\(full(key))' is \(JSONWriter().text(value.plain)), but only "
                + "\(neutral.description) is supported in this family")
    }
}

extension GGUFValue {
    /// The value as JSON has it, numbers as the shortest decimals of their type.
    fileprivate var plain: JSONValue {
        switch self {
        case .bool(let flag): .bool(flag)
        case .string(let text): .string(text.text)
        case .f32(let number): .number(Double(number.description) ?? Double(number))
        case .array(let array): array.plain
        default:
            integer.map { .integer($0) } ?? number.map { .number($0) } ?? .string("\(self)")
        }
    }
}

extension GGUFArray {
    fileprivate var plain: JSONValue {
        if let integers { return .array(integers.map { .integer($0) }) }
        return switch self {
        case .bool(let flags): .array(flags.map { .bool($0) })
        case .f32(let numbers): .array(numbers.map { .number(Double($0)) })
        case .f64(let numbers): .array(numbers.map { .number($0) })
        case .strings(let texts): .array(texts.map { .string(String(decoding: $0, as: UTF8.self)) })
        default: .array([.string("\(self)")])
        }
    }
}
