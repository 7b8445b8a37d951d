/// The metadata keys of a tokenizer in a GGUF file.
private enum Key {
    static let model = "tokenizer.ggml.model"
    static let preTokenizer = "tokenizer.ggml.pre"
    static let tokens = "tokenizer.ggml.tokens"
    static let tokenTypes = "tokenizer.ggml.token_type"
    static let scores = "tokenizer.ggml.scores"
    static let merges = "tokenizer.ggml.merges"
    static let beginningOfText = "tokenizer.ggml.bos_token_id"
    static let endOfText = "tokenizer.ggml.eos_token_id"
    static let unknown = "tokenizer.ggml.unknown_token_id"
    static let padding = "tokenizer.ggml.padding_token_id"
    static let endOfTurn = "tokenizer.ggml.eot_token_id"
    static let addsBeginningOfText = "tokenizer.ggml.add_bos_token"
    static let addsEndOfText = "tokenizer.ggml.add_eos_token"
    static let addsSpacePrefix = "tokenizer.ggml.add_space_prefix"
    static let chatTemplate = "tokenizer.chat_template"
}

extension TokenizerDefinition {
    /// Reads the tokenizer in a GGUF file's metadata.
    ///
    /// The file says less than `tokenizer.json`: it has no normalizer (none is used), and whether pieces that
    /// are tokens are kept whole follows from the pre-tokenizer's name. Where a key is missing, llama.cpp's
    /// defaults hold: every token normal, no beginning of text unless the name is Llama 3's, no end of text,
    /// no space prefix. Special tokens that the file does not name stay nil (llama.cpp falls back to id 11).
    ///
    /// - Parameters:
    ///   - metadata: all of the file's metadata
    ///   - file: the file's path, for errors
    /// - Throws: `TokenizerError.unsupported` for another model or pre-tokenizer, naming it; any other case
    ///   where the arrays do not fit together.
    public init(metadata: GGUFMetadata, file: String) throws(TokenizerError) {
        let reader = MetadataReader(metadata: metadata, file: file)
        let model = try reader.text(Key.model)
        guard model == "gpt2" else {
            throw .unsupported(
                file: file, key: Key.model, found: "'\(model)'",
                supported: "gpt2 (byte-level byte-pair encoding)")
        }
        let name = try reader.text(Key.preTokenizer)
        guard let rules = PreTokenizerName.named(name) else {
            throw .unsupported(
                file: file, key: Key.preTokenizer, found: "'\(name)'",
                supported: PreTokenizerName.supported)
        }
        let checks = try VocabularyChecks(file: file, tokens: reader.vocabulary())
        self.init(
            model: .byteLevelBPE(
                merges: try reader.merges(checks), ignoresMerges: rules.ignoresMerges),
            preTokenizer: rules.preTokenizer, tokens: checks.tokens,
            kinds: try reader.kinds(tokens: checks.tokens.count),
            beginningOfText: try reader.id(Key.beginningOfText, checks),
            endOfText: try reader.id(Key.endOfText, checks),
            unknown: try reader.id(Key.unknown, checks),
            padding: try reader.id(Key.padding, checks),
            endOfTurn: try reader.id(Key.endOfTurn, checks),
            addsBeginningOfText: try reader.flag(Key.addsBeginningOfText)
                ?? rules.addsBeginningOfText,
            addsEndOfText: try reader.flag(Key.addsEndOfText) ?? false,
            addsSpacePrefix: try reader.flag(Key.addsSpacePrefix) ?? false,
            chatTemplate: try reader.optionalText(Key.chatTemplate))
        try reader.checkScores(tokens: checks.tokens.count)
        try checkConsistency(file: file)
    }

    /// The tokenizer's entries for a GGUF file, in the order and with the types of llama.cpp's converter.
    ///
    /// The normalizer is left out: a GGUF file cannot hold one.
    ///
    /// - Parameter file: what the error is about.
    /// - Returns: the entries; none is outside `tokenizer.`.
    /// - Throws: `TokenizerError.unsupported` where llama.cpp has no name for the rules.
    public func metadataEntries(file: String) throws(TokenizerError) -> [GGUFMetadata.Entry] {
        let (merges, ignoresMerges) = byteLevelBPE
        guard let name = PreTokenizerName.name(of: preTokenizer, ignoresMerges: ignoresMerges)
        else {
            throw .unsupported(
                file: file, key: "ignore_merges",
                found: "true with \(preTokenizer.rawValue) in GGUF",
                supported: "true with \(PreTokenizer.llama3.rawValue), false")
        }
        var mergeTexts = ByteStringList()
        for merge in merges {
            mergeTexts.append(tokens[Int(merge.left)] + [0x20] + tokens[Int(merge.right)])
        }
        var entries: [GGUFMetadata.Entry] = [
            .init(Key.model, .string(ByteString("gpt2"))),
            .init(Key.preTokenizer, .string(ByteString(name))),
            .init(Key.tokens, .array(.strings(tokens))),
            .init(Key.tokenTypes, .array(.i32(kinds.map(\.rawValue)))),
            .init(Key.merges, .array(.strings(mergeTexts))),
        ]
        let ids = [
            (Key.beginningOfText, beginningOfText), (Key.endOfText, endOfText),
            (Key.unknown, unknown), (Key.padding, padding), (Key.endOfTurn, endOfTurn),
        ]
        for (key, id) in ids {
            if let id { entries.append(.init(key, .u32(UInt32(id)))) }
        }
        entries.append(.init(Key.addsBeginningOfText, .bool(addsBeginningOfText)))
        if addsEndOfText { entries.append(.init(Key.addsEndOfText, .bool(true))) }
        entries.append(.init(Key.addsSpacePrefix, .bool(addsSpacePrefix)))
        if let chatTemplate {
            entries.append(.init(Key.chatTemplate, .string(ByteString(chatTemplate))))
        }
        return entries
    }
}

/// Takes typed values out of a file's metadata.
private struct MetadataReader {
    let metadata: GGUFMetadata
    let file: String

    func text(_ key: String) throws(TokenizerError) -> String {
        guard let text = try optionalText(key) else { throw .missing(file: file, key: key) }
        return text
    }

    func optionalText(_ key: String) throws(TokenizerError) -> String? {
        guard let value = metadata[key] else { return nil }
        guard let text = value.text else {
            throw .wrongType(file: file, key: key, expected: "a string")
        }
        return text
    }

    func flag(_ key: String) throws(TokenizerError) -> Bool? {
        guard let value = metadata[key] else { return nil }
        guard let flag = value.bool else {
            throw .wrongType(file: file, key: key, expected: "true or false")
        }
        return flag
    }

    func id(_ key: String, _ checks: VocabularyChecks) throws(TokenizerError) -> Int? {
        guard let value = metadata[key] else { return nil }
        guard let id = value.integer else {
            throw .wrongType(file: file, key: key, expected: "a token id")
        }
        return try checks.checked(id, key: key)
    }

    /// The tokens; an empty one gets the name that llama.cpp gives it.
    func vocabulary() throws(TokenizerError) -> ByteStringList {
        let tokens = try strings(Key.tokens)
        guard tokens.contains(where: \.isEmpty) else { return tokens }
        var named = ByteStringList()
        for (id, token) in tokens.enumerated() {
            named.append(token.isEmpty ? ArraySlice("[EMPTY_\(id)]".utf8) : token)
        }
        return named
    }

    func kinds(tokens: Int) throws(TokenizerError) -> [TokenizerDefinition.TokenKind] {
        guard let value = metadata[Key.tokenTypes] else {
            return Array(repeating: .normal, count: tokens)
        }
        guard let types = value.array?.integers else {
            throw .wrongType(file: file, key: Key.tokenTypes, expected: "an array of integers")
        }
        try checkCount(types.count, key: Key.tokenTypes, tokens: tokens)
        var kinds: [TokenizerDefinition.TokenKind] = []
        kinds.reserveCapacity(tokens)
        for (id, type) in types.enumerated() {
            guard let raw = Int32(exactly: type),
                let kind = TokenizerDefinition.TokenKind(rawValue: raw)
            else { throw .unknownTokenType(file: file, token: id, type: type) }
            kinds.append(kind)
        }
        return kinds
    }

    func merges(_ checks: VocabularyChecks) throws(TokenizerError) -> [TokenMerge] {
        let texts = try strings(Key.merges)
        guard texts.count <= VocabularyChecks.tokenLimit else {
            throw .vocabularyTooLarge(
                file: file, tokens: texts.count, limit: VocabularyChecks.tokenLimit)
        }
        var merges: [TokenMerge] = []
        merges.reserveCapacity(texts.count)
        for place in texts.indices { merges.append(try checks.merge(texts[place], at: place)) }
        return merges
    }

    /// Byte-pair encoding has no scores; old converters wrote some all the same.
    func checkScores(tokens: Int) throws(TokenizerError) {
        guard let value = metadata[Key.scores] else { return }
        guard let scores = value.array?.floats else {
            throw .wrongType(file: file, key: Key.scores, expected: "an array of numbers")
        }
        try checkCount(scores.count, key: Key.scores, tokens: tokens)
    }

    private func checkCount(_ count: Int, key: String, tokens: Int) throws(TokenizerError) {
        guard count == tokens else {
            throw .wrongCount(file: file, key: key, count: count, tokens: tokens)
        }
    }

    private func strings(_ key: String) throws(TokenizerError) -> ByteStringList {
        guard let value = metadata[key] else { throw .missing(file: file, key: key) }
        guard let strings = value.array?.strings else {
            throw .wrongType(file: file, key: key, expected: "an array of strings")
        }
        return strings
    }
}
