/// The texts that a tokenizer's configuration calls special, in the order in which transformers looks at them.
struct SpecialTokenNames {
    /// The names by which transformers knows special tokens, in its order.
    private static let roles = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]
    private static let lists = ["extra_special_tokens", "additional_special_tokens"]

    /// The member that names the token, and the token: a text or an object with `content`.
    private(set) var tokens: [(key: String, value: JSONValue)] = []

    init(_ configuration: JSONObject) {
        for key in Self.roles { append(key, configuration[key]) }
        for member in configuration.members
        where member.key.hasSuffix("_token") && !Self.roles.contains(member.key) {
            append(member.key, member.value)
        }
        for key in Self.lists {
            switch configuration[key] {
            case .array(let values): for value in values { append(key, value) }
            case .object(let object): for member in object.members { append(key, member.value) }
            default: break
            }
        }
    }

    private mutating func append(_ key: String, _ value: JSONValue?) {
        guard let value, Self.text(value)?.isEmpty == false else { return }
        tokens.append((key, value))
    }

    var texts: [String] { tokens.compactMap { Self.text($0.value) } }

    static func text(_ value: JSONValue?) -> String? {
        value?.string ?? value?.object?["content"]?.string
    }
}

/// The added tokens of a folder: those of `tokenizer.json`, and those that its other files add to them.
///
/// As transformers 5 does it: an entry of `added_tokens_decoder` gives a token of `tokenizer.json` its rules, makes an
/// ordinary token an added one, or is a new token; then every named special token that is not yet an added one becomes
/// one. New tokens get the ids that follow the vocabulary, whatever id the entry has.
///
/// A new token for which the embedding has no row is never produced by the model: one that text can do without is left
/// out, and told.
struct AddedTokenList {
    /// As the member `added_tokens` of `tokenizer.json`.
    private(set) var tokens: [JSONValue] = []
    /// What was left out, one line each.
    private(set) var notes: [String] = []

    private let file: String
    private let configurationFiles: TokenizerConfigurationFiles
    private let vocabularySize: Int?
    private let ordinary: [ExactString: Int]
    private var places: [ExactString: Int] = [:]
    private var next: Int

    /// Special tokens without which a text cannot begin, or a generation end.
    private static let needed = ["bos_token", "eos_token"]

    /// - Parameters:
    ///   - tokenizer: `tokenizer.json`
    ///   - vocabularySize: how many rows the embedding has
    /// - Throws: `TokenizerError.unsupported` for an id of `added_tokens_decoder` that transformers does not give,
    ///   `.unknownSpecialToken` for a named token that is needed and has no row.
    init(
        tokenizer: JSONObject, configuration: JSONObject, vocabularySize: Int?, file: String,
        configurationFiles: TokenizerConfigurationFiles
    ) throws(TokenizerError) {
        self.file = file
        self.configurationFiles = configurationFiles
        self.vocabularySize = vocabularySize
        ordinary = Self.ordinary(tokenizer)
        next = ordinary.count
        for token in tokenizer["added_tokens"]?.array ?? [] { append(token) }
        try addDecoder(configuration["added_tokens_decoder"]?.object ?? JSONObject())
        try addNamed(SpecialTokenNames(configuration))
        try dropRowless(SpecialTokenNames(configuration))
    }

    /// The model's own tokens.
    private static func ordinary(_ tokenizer: JSONObject) -> [ExactString: Int] {
        let vocabulary = tokenizer["model"]?.object?["vocab"]
        var ids: [ExactString: Int] = [:]
        for member in vocabulary?.object?.members ?? [] {
            ids[ExactString(member.key)] = member.value.integer
        }
        for (id, entry) in (vocabulary?.array ?? []).enumerated() {
            if let text = entry.array?.first?.string { ids[ExactString(text)] = id }
        }
        return ids
    }

    private mutating func append(_ token: JSONValue) {
        if let text = token.object?["content"]?.string { places[ExactString(text)] = tokens.count }
        if let id = token.object?["id"]?.integer, id < Int(Int32.max) { next = max(next, id + 1) }
        tokens.append(token)
    }

    // MARK: - Other files

    private mutating func addDecoder(_ decoder: JSONObject) throws(TokenizerError) {
        let key = "added_tokens_decoder"
        let file = configurationFiles.file(of: key)
        var entries: [(id: Int, token: JSONObject, text: String)] = []
        for member in decoder.members {
            guard let id = Int(member.key), id >= 0, let token = member.value.object,
                let text = token["content"]?.string, !text.isEmpty
            else {
                throw .wrongType(
                    file: file, key: "\(key).\(member.key)", expected: "a token id and its content")
            }
            entries.append((id, token, text))
        }
        for (id, token, text) in entries.sorted(by: { $0.id < $1.id }) {
            if let place = places[ExactString(text)] {
                let own = tokens[place].object?["id"]
                tokens[place] = .object(Self.token(own ?? .null, token))
            } else if let own = ordinary[ExactString(text)] {
                append(.object(Self.token(.integer(own), token)))
            } else if vocabularySize.map({ next >= $0 }) ?? false {
                note(key, text)
            } else {
                guard id == next else {
                    throw .unsupported(
                        file: file, key: "\(key).\(id)",
                        found: "'\(text)', to which transformers gives the id \(next)",
                        supported: "new tokens whose ids follow the vocabulary")
                }
                append(.object(Self.token(.integer(id), token)))
            }
        }
    }

    private mutating func addNamed(_ names: SpecialTokenNames) throws(TokenizerError) {
        for (key, value) in names.tokens {
            guard let text = SpecialTokenNames.text(value), places[ExactString(text)] == nil else {
                continue
            }
            var token = value.object ?? JSONObject([.init("content", .string(text))])
            token["special"] = .bool(true)
            if token["normalized"] == nil { token["normalized"] = .bool(false) }
            if let id = ordinary[ExactString(text)] {
                append(.object(Self.token(.integer(id), token)))
            } else if let vocabularySize, next < vocabularySize {
                append(.object(Self.token(.integer(next), token)))
            } else if Self.needed.contains(key) {
                throw .unknownSpecialToken(
                    file: configurationFiles.file(of: key), key: key, token: text)
            } else {
                note(key, text)
            }
        }
    }

    /// Leaves tokens out that `tokenizer.json` adds beyond the embedding's rows.
    private mutating func dropRowless(_ names: SpecialTokenNames) throws(TokenizerError) {
        guard let vocabularySize else { return }
        let needed = names.tokens.filter { Self.needed.contains($0.key) }
        for token in tokens {
            guard let id = token.object?["id"]?.integer, id >= vocabularySize,
                let text = token.object?["content"]?.string
            else { continue }
            let key = needed.first { SpecialTokenNames.text($0.value) == text }?.key
            if let key {
                throw .idOutOfRange(
                    file: configurationFiles.file(of: key), key: key, id: id, tokens: vocabularySize
                )
            }
            notes.append(
                "\(file): the added token '\(text)' has the id \(id), but the embedding has \(vocabularySize) "
                    + "rows: it is left out")
        }
        tokens.removeAll { ($0.object?["id"]?.integer ?? 0) >= vocabularySize }
    }

    private mutating func note(_ key: String, _ text: String) {
        notes.append(
            "\(configurationFiles.file(of: key)): '\(key)' names '\(text)', which is in no vocabulary and has no "
                + "row in the embedding: it is left out")
    }

    private static func token(_ id: JSONValue, _ token: JSONObject) -> JSONObject {
        var token = token
        token["id"] = id
        return token
    }
}
