/// Takes the parts of a `TokenizerDefinition` out of a file's metadata.
struct GGUFTokenizerReader {
    let metadata: GGUFMetadata
    let file: String

    // MARK: - Models

    func byteLevel() throws(TokenizerError) -> TokenizerDefinition {
        let name = try text(GGUFTokenizerKey.preTokenizer)
        guard let rules = PreTokenizerName.named(name) else {
            throw .unsupported(
                file: file, key: GGUFTokenizerKey.preTokenizer, found: "'\(name)'",
                supported: PreTokenizerName.supported)
        }
        let checks = try VocabularyChecks(file: file, tokens: vocabulary())
        var definition = TokenizerDefinition(
            model: .byteLevelPairs(
                merges: try merges(checks), ignoresMerges: rules.ignoresMerges),
            // llama.cpp does not look at `add_space_prefix` here.
            preTokenizer: .byteLevel(rules.rule, addsSpacePrefix: false),
            decoder: .byteLevel, tokens: checks.tokens,
            kinds: try kinds(tokens: checks.tokens.count))
        // Old converters wrote scores all the same.
        if metadata[GGUFTokenizerKey.scores] != nil { _ = try scores(tokens: checks.tokens.count) }
        try readSpecialTokens(
            into: &definition, checks,
            defaults: Defaults(addsBeginningOfText: rules.addsBeginningOfText))
        return definition
    }

    func scoredPairs() throws(TokenizerError) -> TokenizerDefinition {
        let checks = try VocabularyChecks(file: file, tokens: vocabulary())
        let addsSpacePrefix = try flag(GGUFTokenizerKey.addsSpacePrefix) ?? true
        var definition = TokenizerDefinition(
            model: .scoredPairs(scores: try scores(tokens: checks.tokens.count)),
            normalizers: .sentencePiece(
                characterMap: nil, collapsesSpaces: false, addsSpacePrefix: addsSpacePrefix),
            preTokenizer: .none,
            decoder: .spaceMarks(
                joinsBytes: true, start: addsSpacePrefix ? .dropSpaces(1) : .keep),
            tokens: checks.tokens, kinds: try kinds(tokens: checks.tokens.count))
        try readSpecialTokens(
            into: &definition, checks,
            defaults: Defaults(
                beginningOfText: 1, endOfText: 2, unknown: 0, addsBeginningOfText: true))
        if isPhi3 { definition.addedTokenRules = phi3Rules(of: definition) }
        return definition
    }

    /// Gemma 4's: byte-pair encoding over scalars.
    func scalarPairs() throws(TokenizerError) -> TokenizerDefinition {
        let checks = try VocabularyChecks(file: file, tokens: vocabulary())
        var definition = TokenizerDefinition(
            model: .scalarPairs(
                merges: try merges(checks), TokenizerModel.ScalarRules(keepsNewlineRuns: true)),
            // llama.cpp does not look at `add_space_prefix` here.
            normalizers: .sentencePiece(
                characterMap: nil, collapsesSpaces: false, addsSpacePrefix: false),
            preTokenizer: .newlineRuns, decoder: .spaceMarks(joinsBytes: true, start: .keep),
            tokens: checks.tokens, kinds: try kinds(tokens: checks.tokens.count))
        if metadata[GGUFTokenizerKey.scores] != nil { _ = try scores(tokens: checks.tokens.count) }
        try readSpecialTokens(into: &definition, checks, defaults: Defaults())
        // Whatever the file says.
        definition.addsBeginningOfText = definition.beginningOfText != nil
        return definition
    }

    /// A GGUF file cannot say that Phi-3's added tokens take the white space behind them: llama.cpp knows the model
    /// by its name, and so do we.
    private var isPhi3: Bool {
        let name = metadata["general.name"]?.text?.lowercased() ?? ""
        return name.contains("phi-3") || name.contains("phi3")
    }

    private func phi3Rules(of definition: TokenizerDefinition)
        -> [Int: TokenizerDefinition.AddedTokenRules]
    {
        var rules: [Int: TokenizerDefinition.AddedTokenRules] = [:]
        for (id, kind) in definition.kinds.enumerated() where kind.isAdded {
            guard !["<unk>", "<s>", "<|endoftext|>"].contains(definition.tokens.text(id)) else {
                continue
            }
            rules[id] = .init()
            rules[id]?.takesSpaceAfter = true
        }
        return rules
    }

    func unigram() throws(TokenizerError) -> TokenizerDefinition {
        let checks = try VocabularyChecks(file: file, tokens: vocabulary())
        let kinds = try kinds(tokens: checks.tokens.count)
        let collapsesSpaces = try flag(GGUFTokenizerKey.collapsesSpaces) ?? false
        // llama.cpp puts a mark before every word it sets apart, and so before the first as well.
        let addsSpacePrefix =
            try flag(GGUFTokenizerKey.addsSpacePrefix) ?? false || collapsesSpaces
        var map: CharacterMap?
        if let value = metadata[GGUFTokenizerKey.characterMap] {
            map = try CharacterMap(bytes(value, key: GGUFTokenizerKey.characterMap), file: file)
        }
        var definition = TokenizerDefinition(
            model: .unigram(
                .sentencePiece(
                    scores: try scores(tokens: kinds.count), kinds: kinds,
                    unknown: try id(GGUFTokenizerKey.unknown, checks) ?? defaultID(2, checks),
                    fallsBackToBytes: false)),
            normalizers: .sentencePiece(
                characterMap: map, collapsesSpaces: collapsesSpaces,
                addsSpacePrefix: addsSpacePrefix),
            preTokenizer: .none,
            decoder: .spaceMarks(
                joinsBytes: true, start: addsSpacePrefix ? .dropSpaces(1) : .keep),
            tokens: checks.tokens, kinds: kinds)
        try readSpecialTokens(
            into: &definition, checks,
            defaults: Defaults(endOfText: 1, unknown: 2, padding: 0, addsEndOfText: true))
        return definition
    }

    // MARK: - Special tokens

    /// What holds where the file does not say.
    private struct Defaults {
        var beginningOfText: Int?
        var endOfText: Int?
        var unknown: Int?
        var padding: Int?
        var addsBeginningOfText = false
        var addsEndOfText = false
    }

    private func readSpecialTokens(
        into definition: inout TokenizerDefinition, _ checks: VocabularyChecks, defaults: Defaults
    ) throws(TokenizerError) {
        func token(_ key: String, _ fallback: Int? = nil) throws(TokenizerError) -> Int? {
            try id(key, checks) ?? fallback.flatMap { defaultID($0, checks) }
        }
        definition.beginningOfText = try token(
            GGUFTokenizerKey.beginningOfText, defaults.beginningOfText)
        definition.endOfText = try token(GGUFTokenizerKey.endOfText, defaults.endOfText)
        definition.unknown = try token(GGUFTokenizerKey.unknown, defaults.unknown)
        definition.padding = try token(GGUFTokenizerKey.padding, defaults.padding)
        definition.separator = try token(GGUFTokenizerKey.separator)
        definition.mask = try token(GGUFTokenizerKey.mask)
        definition.endOfTurn = try token(GGUFTokenizerKey.endOfTurn)
        definition.endOfMessage = try token(GGUFTokenizerKey.endOfMessage)
        definition.addsBeginningOfText =
            try flag(GGUFTokenizerKey.addsBeginningOfText) ?? defaults.addsBeginningOfText
        definition.addsEndOfText =
            try flag(GGUFTokenizerKey.addsEndOfText) ?? defaults.addsEndOfText
        definition.chatTemplate = try optionalText(GGUFTokenizerKey.chatTemplate)
        definition.otherChatTemplates = try otherChatTemplates()
    }

    private func defaultID(_ id: Int, _ checks: VocabularyChecks) -> Int? {
        checks.tokens.indices.contains(id) ? id : nil
    }

    private func otherChatTemplates() throws(TokenizerError)
        -> [TokenizerDefinition.NamedChatTemplate]
    {
        guard metadata[GGUFTokenizerKey.chatTemplateNames] != nil else { return [] }
        let names = try strings(GGUFTokenizerKey.chatTemplateNames)
        var templates: [TokenizerDefinition.NamedChatTemplate] = []
        for place in names.indices {
            let name = names.text(place)
            templates.append(
                .init(name: name, source: try text(GGUFTokenizerKey.chatTemplate(named: name))))
        }
        return templates
    }

    // MARK: - Values

    func text(_ key: String) throws(TokenizerError) -> String {
        guard let text = try optionalText(key) else { throw .missing(file: file, key: key) }
        return text
    }

    private func optionalText(_ key: String) throws(TokenizerError) -> String? {
        guard let value = metadata[key] else { return nil }
        guard let text = value.text else {
            throw .wrongType(file: file, key: key, expected: "a string")
        }
        return text
    }

    private func flag(_ key: String) throws(TokenizerError) -> Bool? {
        guard let value = metadata[key] else { return nil }
        guard let flag = value.bool else {
            throw .wrongType(file: file, key: key, expected: "true or false")
        }
        return flag
    }

    private func id(_ key: String, _ checks: VocabularyChecks) throws(TokenizerError) -> Int? {
        guard let value = metadata[key] else { return nil }
        guard let id = value.integer else {
            throw .wrongType(file: file, key: key, expected: "a token id")
        }
        return try checks.checked(id, key: key)
    }

    private func bytes(_ value: GGUFValue, key: String) throws(TokenizerError) -> [UInt8] {
        switch value.array {
        case .u8(let bytes): return bytes
        case .i8(let bytes): return bytes.map { UInt8(bitPattern: $0) }
        default: throw .wrongType(file: file, key: key, expected: "an array of bytes")
        }
    }

    // MARK: - Arrays

    /// The tokens; an empty one gets the name that llama.cpp gives it.
    private func vocabulary() throws(TokenizerError) -> ByteStringList {
        let tokens = try strings(GGUFTokenizerKey.tokens)
        guard tokens.contains(where: \.isEmpty) else { return tokens }
        var named = ByteStringList()
        for (id, token) in tokens.enumerated() {
            named.append(token.isEmpty ? ArraySlice("[EMPTY_\(id)]".utf8) : token)
        }
        return named
    }

    private func kinds(tokens: Int) throws(TokenizerError) -> [TokenizerDefinition.TokenKind] {
        guard let value = metadata[GGUFTokenizerKey.tokenTypes] else {
            return Array(repeating: .normal, count: tokens)
        }
        guard let types = value.array?.integers else {
            throw .wrongType(
                file: file, key: GGUFTokenizerKey.tokenTypes, expected: "an array of integers")
        }
        try checkCount(types.count, key: GGUFTokenizerKey.tokenTypes, tokens: tokens)
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

    private func merges(_ checks: VocabularyChecks) throws(TokenizerError) -> [TokenMerge] {
        let texts = try strings(GGUFTokenizerKey.merges)
        guard texts.count <= VocabularyChecks.tokenLimit else {
            throw .vocabularyTooLarge(
                file: file, tokens: texts.count, limit: VocabularyChecks.tokenLimit)
        }
        var merges: [TokenMerge] = []
        merges.reserveCapacity(texts.count)
        for place in texts.indices { merges.append(try checks.merge(texts[place], at: place)) }
        return merges
    }

    private func scores(tokens: Int) throws(TokenizerError) -> [Float] {
        let key = GGUFTokenizerKey.scores
        guard let value = metadata[key] else { throw .missing(file: file, key: key) }
        guard let scores = value.array?.floats else {
            throw .wrongType(file: file, key: key, expected: "an array of numbers")
        }
        try checkCount(scores.count, key: key, tokens: tokens)
        if let token = scores.firstIndex(where: { !$0.isFinite }) {
            throw .unusableScore(file: file, token: token, score: Double(scores[token]))
        }
        return scores
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
