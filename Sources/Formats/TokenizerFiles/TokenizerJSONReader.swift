/// Takes the parts of a `TokenizerDefinition` out of `tokenizer.json` and `tokenizer_config.json`.
struct TokenizerJSONReader {
    /// The special tokens that `tokenizer_config.json` or `special_tokens_map.json` may name.
    static let specialTokenKeys = ["bos_token", "eos_token", "unk_token", "pad_token"]

    let tokenizer: JSONObject
    let configuration: JSONObject
    /// The name of `tokenizer.json`, for errors.
    let file: String

    /// The model, where it is byte-pair encoding without the options that byte-level tokenizers leave alone.
    func model() throws(TokenizerError) -> JSONObject {
        guard let model = tokenizer["model"]?.object else {
            throw .missing(file: file, key: "model")
        }
        let type = model["type"]?.string
        guard type == "BPE" else {
            throw unsupported("model.type", found: type.map { "'\($0)'" } ?? "none", "BPE")
        }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let text = model[key]?.string, !text.isEmpty {
                throw unsupported("model.\(key)", found: "'\(text)'", "none")
            }
        }
        if model["byte_fallback"]?.bool == true {
            throw unsupported("model.byte_fallback", found: "true", "false")
        }
        if let dropout = model["dropout"]?.number, dropout != 0 {
            throw unsupported("model.dropout", found: "\(dropout)", "none")
        }
        let decoder = tokenizer["decoder"]?.object?["type"]?.string
        guard decoder == "ByteLevel" else {
            throw unsupported("decoder", found: decoder ?? "none", "ByteLevel")
        }
        return model
    }

    func normalizer() throws(TokenizerError) -> TokenizerDefinition.Normalizer {
        guard let normalizer = tokenizer["normalizer"], normalizer != .null else { return .none }
        let type = normalizer.object?["type"]?.string
        guard type == "NFC" else {
            throw unsupported("normalizer", found: type ?? "of another form", "none, NFC")
        }
        return .canonicalComposition
    }

    // MARK: - Vocabulary

    /// The tokens in the order of their ids, holes filled.
    func vocabulary(model: JSONObject, size: Int?) throws(TokenizerError) -> (
        tokens: ByteStringList, kinds: [TokenizerDefinition.TokenKind]
    ) {
        guard let members = model["vocab"]?.object?.members else {
            throw .missing(file: file, key: "model.vocab")
        }
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
        for member in members {
            try place(member.key, .normal, at: member.value.integer ?? -1)
        }
        for token in try addedTokens() { try place(token.text, token.kind, at: token.id) }
        if let size {
            guard size <= limit else {
                throw .vocabularyTooLarge(file: file, tokens: size, limit: limit)
            }
            while entries.count < size { entries.append(nil) }
        }
        var tokens = ByteStringList()
        tokens.reserve(strings: entries.count, bytes: entries.count * 8)
        for (id, entry) in entries.enumerated() {
            tokens.append((entry?.text ?? "[PAD\(id)]").utf8)
        }
        return (tokens, entries.map { $0?.kind ?? .unused })
    }

    private func addedTokens() throws(TokenizerError) -> [(
        text: String, kind: TokenizerDefinition.TokenKind, id: Int
    )] {
        var tokens: [(text: String, kind: TokenizerDefinition.TokenKind, id: Int)] = []
        for (place, value) in (tokenizer["added_tokens"]?.array ?? []).enumerated() {
            let key = "added_tokens[\(place)]"
            guard let token = value.object, let text = token["content"]?.string, !text.isEmpty,
                let id = token["id"]?.integer
            else { throw .wrongType(file: file, key: key, expected: "a token with id and content") }
            for option in ["lstrip", "rstrip", "single_word"] where token[option]?.bool == true {
                throw unsupported("\(key).\(option)", found: "true", "false")
            }
            tokens.append((text, token["special"]?.bool == true ? .control : .userDefined, id))
        }
        return tokens
    }

    func merges(model: JSONObject, _ checks: VocabularyChecks) throws(TokenizerError)
        -> [TokenMerge]
    {
        guard let values = model["merges"]?.array else {
            throw .missing(file: file, key: "model.merges")
        }
        var merges: [TokenMerge] = []
        merges.reserveCapacity(values.count)
        for (place, value) in values.enumerated() {
            switch value {
            case .string(let text):
                merges.append(try checks.merge(ArraySlice(text.utf8), at: place))
            case .array(let sides):
                guard sides.count == 2, let left = sides[0].string, let right = sides[1].string,
                    !left.isEmpty, !right.isEmpty
                else { fallthrough }
                merges.append(
                    try checks.merge(ArraySlice(left.utf8), ArraySlice(right.utf8), at: place))
            default:
                throw .malformedMerge(file: file, index: place, merge: "\(value)")
            }
        }
        return merges
    }

    /// Bytes that are no tokens are dropped, as the references do, unless the file has a token for them.
    func checkBytes(model: JSONObject, _ checks: VocabularyChecks) throws(TokenizerError) {
        guard let unknown = model["unk_token"]?.string, !unknown.isEmpty else { return }
        for (byte, standIn) in ByteAlphabet.encodedStandIns.enumerated()
        where checks.index.id(of: standIn[...]) == nil {
            throw unsupported(
                "model.unk_token", found: "'\(unknown)' while byte \(byte) is not a token",
                "none, or a vocabulary with every byte")
        }
    }

    // MARK: - Special tokens

    /// The tokens that the post-processor puts at the ends of a text.
    func ends(_ checks: VocabularyChecks) throws(TokenizerError) -> (first: Int?, last: Int?) {
        guard let value = tokenizer["post_processor"], value != .null else { return (nil, nil) }
        let steps =
            value.object?["type"]?.string == "Sequence"
            ? value.object?["processors"]?.array ?? [] : [value]
        var ends: (first: Int?, last: Int?) = (nil, nil)
        for step in steps {
            let type = step.object?["type"]?.string
            switch type {
            case "ByteLevel": break
            case "TemplateProcessing": ends = try templateEnds(step.object, checks)
            default:
                throw unsupported(
                    "post_processor", found: type ?? "of another form",
                    "ByteLevel, TemplateProcessing")
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

    /// The id of a special token that the configuration names as text or as an object with `content`.
    func specialToken(_ key: String, _ checks: VocabularyChecks) throws(TokenizerError) -> Int? {
        guard let value = configuration[key], value != .null else { return nil }
        guard let text = value.string ?? value.object?["content"]?.string else {
            throw .wrongType(file: file, key: key, expected: "a token")
        }
        guard let id = checks.index.id(of: ArraySlice(text.utf8)) else {
            throw .unknownSpecialToken(file: file, key: key, token: text)
        }
        return id
    }

    /// The template, or the one named "default" of several.
    func chatTemplate() throws(TokenizerError) -> String? {
        switch configuration["chat_template"] {
        case nil, .null: return nil
        case .string(let template): return template
        case .array(let templates):
            let found = templates.first { $0.object?["name"]?.string == "default" }
            return found?.object?["template"]?.string
        default:
            throw .wrongType(
                file: file, key: "chat_template", expected: "a text or a list of named texts")
        }
    }

    private func unsupported(_ key: String, found: String, _ supported: String) -> TokenizerError {
        .unsupported(file: file, key: key, found: found, supported: supported)
    }
}
