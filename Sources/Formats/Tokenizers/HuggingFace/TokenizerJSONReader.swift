/// Takes the parts of a `TokenizerDefinition` out of `tokenizer.json` and `tokenizer_config.json`.
struct TokenizerJSONReader {
    let tokenizer: JSONObject
    let configuration: JSONObject
    /// The name of `tokenizer.json`, for errors.
    let file: String
    let configurationFiles: TokenizerConfigurationFiles

    // MARK: - Vocabulary

    /// The tokens in the order of their ids, holes filled.
    struct Vocabulary {
        var tokens = ByteStringList()
        var kinds: [TokenizerDefinition.TokenKind] = []
        var rules: [Int: TokenizerDefinition.AddedTokenRules] = [:]
    }

    /// - Parameters:
    ///   - ordinary: the model's own tokens and their ids
    ///   - hasByteTokens: tokens like `<0x0A>` stand for bytes
    ///   - size: how many tokens there are at least
    func vocabulary(
        ordinary: [(text: String, id: Int)], hasByteTokens: Bool, size: Int?
    ) throws(TokenizerError) -> Vocabulary {
        let limit = VocabularyChecks.tokenLimit
        var entries: [(text: String, kind: TokenizerDefinition.TokenKind)?] = []
        func place(
            _ text: String, _ kind: TokenizerDefinition.TokenKind, at id: Int
        ) throws(TokenizerError) {
            guard id >= 0 else {
                throw .wrongType(file: file, key: "the id of '\(text)'", expected: "a token id")
            }
            guard id < limit else {
                throw .vocabularyTooLarge(file: file, tokens: id, limit: limit)
            }
            while entries.count <= id { entries.append(nil) }
            if let present = entries[id], !present.text.utf8.elementsEqual(text.utf8) {
                throw .idUsedTwice(file: file, id: id, first: present.text, second: text)
            }
            entries[id] = (text, kind)
        }
        for (text, id) in ordinary {
            let isByte = hasByteTokens && ByteToken.byte(of: text.utf8) != nil
            try place(text, isByte ? .byte : .normal, at: id)
        }
        var vocabulary = Vocabulary()
        for token in try addedTokens() {
            try place(token.text, token.kind, at: token.id)
            if token.rules != .init() { vocabulary.rules[token.id] = token.rules }
        }
        if let size {
            guard size <= limit else {
                throw .vocabularyTooLarge(file: file, tokens: size, limit: limit)
            }
            while entries.count < size { entries.append(nil) }
        }
        vocabulary.tokens.reserve(strings: entries.count, bytes: entries.count * 8)
        for (id, entry) in entries.enumerated() {
            vocabulary.tokens.append((entry?.text ?? "[PAD\(id)]").utf8)
        }
        vocabulary.kinds = entries.map { $0?.kind ?? .unused }
        return vocabulary
    }

    private struct AddedToken {
        let text: String
        let kind: TokenizerDefinition.TokenKind
        let id: Int
        let rules: TokenizerDefinition.AddedTokenRules
    }

    private func addedTokens() throws(TokenizerError) -> [AddedToken] {
        var tokens: [AddedToken] = []
        for (place, value) in (tokenizer["added_tokens"]?.array ?? []).enumerated() {
            guard let token = value.object, let text = token["content"]?.string, !text.isEmpty,
                let id = token["id"]?.integer
            else {
                throw .wrongType(
                    file: file, key: "added_tokens[\(place)]",
                    expected: "a token with id and content")
            }
            var rules = TokenizerDefinition.AddedTokenRules()
            rules.isWholeWord = token["single_word"]?.bool ?? false
            rules.takesSpaceBefore = token["lstrip"]?.bool ?? false
            rules.takesSpaceAfter = token["rstrip"]?.bool ?? false
            rules.isNormalized = token["normalized"]?.bool ?? false
            tokens.append(
                AddedToken(
                    text: text, kind: token["special"]?.bool == true ? .control : .userDefined,
                    id: id, rules: rules))
        }
        return tokens
    }

    // MARK: - Special tokens

    /// The tokens that the post-processor puts at the ends of a text.
    ///
    /// `add_bos_token` and `add_eos_token` of the configuration do not count beside a `tokenizer.json`: transformers
    /// leaves them out as well.
    func ends(_ checks: VocabularyChecks) throws(TokenizerError) -> (first: Int?, last: Int?) {
        var ends: (first: Int?, last: Int?) = (nil, nil)
        for step in (tokenizer["post_processor"] ?? .null).components("processors") ?? [] {
            switch step.componentType {
            case "ByteLevel": break
            case "TemplateProcessing": ends = try templateEnds(step.object, checks)
            default:
                throw unsupported(
                    "post_processor", found: step.componentType,
                    "none, ByteLevel, TemplateProcessing, Sequence")
            }
        }
        return ends
    }

    private func templateEnds(_ template: JSONObject?, _ checks: VocabularyChecks)
        throws(TokenizerError) -> (first: Int?, last: Int?)
    {
        let parts = template?["single"]?.array?.compactMap(\.object) ?? []
        guard let text = parts.firstIndex(where: { $0["Sequence"] != nil }), text <= 1,
            parts.count - text <= 2
        else {
            throw unsupported(
                "post_processor.single", found: "of another form",
                "one text, with one token before it, after it, or both")
        }
        func id(_ part: JSONObject) throws(TokenizerError) -> Int {
            let name = part["SpecialToken"]?.object?["id"]?.string ?? ""
            let ids = template?["special_tokens"]?.object?[name]?.object?["ids"]?.array
            guard let ids, ids.count == 1, let id = ids[0].integer else {
                throw unsupported(
                    "post_processor.special_tokens", found: "'\(name)' without exactly one id",
                    "one id for each token")
            }
            return try checks.checked(id, key: "post_processor.special_tokens")
        }
        return (
            first: text == 1 ? try id(parts[0]) : nil,
            last: parts.count - text == 2 ? try id(parts[text + 1]) : nil
        )
    }

    /// The tokens added at the ends must be those that the configuration names.
    func checkEnds(_ ends: (first: Int?, last: Int?), of definition: TokenizerDefinition)
        throws(TokenizerError)
    {
        let pairs = [
            ("bos_token", ends.first, definition.beginningOfText),
            ("eos_token", ends.last, definition.endOfText),
        ]
        for (key, added, named) in pairs {
            if let added, let named, added != named {
                throw unsupported(
                    "post_processor", found: "adding token \(added) while \(key) is \(named)",
                    "adding \(key)")
            }
        }
    }

    /// The id of a special token that the configuration names as text or as an object with `content`; nil where it is
    /// in no vocabulary, which is told or refused by `AddedTokenList`.
    func specialToken(_ key: String, _ checks: VocabularyChecks) throws(TokenizerError) -> Int? {
        guard let value = configuration[key], value != .null else { return nil }
        guard let text = SpecialTokenNames.text(value) else {
            throw .wrongType(
                file: configurationFiles.file(of: key), key: key, expected: "a token")
        }
        return checks.index.id(of: ArraySlice(text.utf8))
    }

    /// The chat template, or the one named "default" of several, and the others by their names.
    func chatTemplates() throws(TokenizerError) -> (
        main: String?, others: [TokenizerDefinition.NamedChatTemplate]
    ) {
        let file = configurationFiles.file(of: "chat_template")
        switch configuration["chat_template"] {
        case nil, .null: return (nil, [])
        case .string(let template): return (template, [])
        case .object(let object):
            var named: [TokenizerDefinition.NamedChatTemplate] = []
            for member in object.members {
                guard let source = member.value.string else {
                    throw .wrongType(
                        file: file, key: "chat_template.\(member.key)", expected: "a text")
                }
                named.append(.init(name: member.key, source: source))
            }
            return Self.sorted(named)
        case .array(let values):
            var named: [TokenizerDefinition.NamedChatTemplate] = []
            for value in values {
                guard let name = value.object?["name"]?.string,
                    let source = value.object?["template"]?.string
                else {
                    throw .wrongType(
                        file: file, key: "chat_template", expected: "a list of named texts")
                }
                named.append(.init(name: name, source: source))
            }
            return Self.sorted(named)
        default:
            throw .wrongType(
                file: file, key: "chat_template", expected: "a text or a list of named texts")
        }
    }

    private static func sorted(_ named: [TokenizerDefinition.NamedChatTemplate]) -> (
        main: String?, others: [TokenizerDefinition.NamedChatTemplate]
    ) {
        (
            named.first { $0.name == "default" }?.source,
            named.filter { $0.name != "default" }
        )
    }

    func unsupported(_ key: String, found: String, _ supported: String) -> TokenizerError {
        .unsupported(file: file, key: key, found: found, supported: supported)
    }
}
