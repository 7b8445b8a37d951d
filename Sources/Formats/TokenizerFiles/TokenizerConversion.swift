/// Writes the tokenizer of a Hugging Face folder as metadata of a GGUF file: keys, order, types and values equal those
/// of llama.cpp's converter (`conversion/base.py` and `gguf-py/gguf/vocab.py`).
///
/// The converter has three layouts. `llama` from `tokenizer.model` holds SentencePiece's scores; `llama` from
/// `tokenizer.json` alone holds none, every score being -1000, so that llama.cpp then merges from left to right and
/// not as the original does; `gpt2` holds merges. Which one is taken depends on the family and on the files.
///
/// A GGUF file has no place for normalizers and for the rules of added tokens: these are lost.
public struct TokenizerConversion {
    private let folder: HuggingFaceTokenizerFolder
    private let config: JSONObject
    private let family: String

    /// - Parameters:
    ///   - folder: the checkpoint's folder
    ///   - config: its `config.json`
    public init(folder: String, config: JSONObject) {
        self.folder = HuggingFaceTokenizerFolder(path: folder)
        self.config = config
        family = config["model_type"]?.string ?? ""
    }

    /// The families that the converter treats as it treats llama.
    private var isLlamaLike: Bool {
        ["llama", "mistral", "mixtral", "granite"].contains(family)
    }

    private var vocabularySize: Int? { config["vocab_size"]?.integer }

    /// The entries, all under `tokenizer.`.
    ///
    /// - Throws: what `TokenizerDefinition.read` throws; `TokenizerError.missing` where the family is written from
    ///   `tokenizer.model` only and there is none; `.unsupported` where llama.cpp has no name for the rules.
    public func entries() throws -> [GGUFMetadata.Entry] {
        var metadata = GGUFMetadata()
        let hasModel = folder.has("tokenizer.model")
        if isLlamaLike {
            try addLlama(to: &metadata)
        } else {
            switch family {
            case "gemma", "gemma2":
                try addSentencePiece(.converter, to: &metadata)
                // The converter gives every Gemma of the first generation what it knows of CodeGemma.
                if family == "gemma" { addEndOfTurn(107, to: &metadata) }
                metadata[GGUFTokenizerKey.addsSpacePrefix] = .bool(false)
            case "gemma3" where hasModel, "gemma3_text" where hasModel:
                try addSentencePiece(.converter, to: &metadata)
                metadata[GGUFTokenizerKey.addsSpacePrefix] = .bool(false)
            case "phi3":
                let tokenizer = try folder.object("tokenizer_config.json")?["tokenizer_class"]
                if tokenizer?.string == "GPT2Tokenizer" {
                    try addBytePairs(to: &metadata)
                } else {
                    try addSentencePiece(.phi3, to: &metadata)
                }
            case "qwen2" where hasModel, "qwen3" where hasModel:
                try addSentencePiece(.converter, to: &metadata)
            default: try addBytePairs(to: &metadata)
            }
        }
        return metadata.entries
    }

    // MARK: - Families

    private func addLlama(to metadata: inout GGUFMetadata) throws {
        let tokenizerConfiguration = try folder.object("tokenizer_config.json")
        if let flag = tokenizerConfiguration?["add_prefix_space"]?.bool {
            metadata[GGUFTokenizerKey.addsSpacePrefix] = .bool(flag)
        }
        if folder.has("tokenizer.model") {
            try addSentencePiece(.converter, to: &metadata)
        } else if let tokenizer = try folder.object("tokenizer.json"),
            tokenizer["model"]?.object?["byte_fallback"]?.bool == true,
            tokenizer["decoder"]?.componentType == "Sequence"
        {
            try addScalarPairs(tokenizer, to: &metadata)
        } else {
            try addBytePairs(to: &metadata)
        }
        // The converter knows CodeLlama and Granite's small models by the sizes of their vocabularies.
        if vocabularySize == 32016 { addEndOfTurn(32010, to: &metadata) }
        if vocabularySize == 49152 {
            metadata[GGUFTokenizerKey.addsBeginningOfText] = .bool(false)
        }
    }

    private func addEndOfTurn(_ id: UInt32, to metadata: inout GGUFMetadata) {
        if metadata[GGUFTokenizerKey.endOfTurn] == nil {
            metadata[GGUFTokenizerKey.endOfTurn] = .u32(id)
        }
    }

    // MARK: - Layouts

    private func addSentencePiece(
        _ style: SentencePieceConversion.Style, to metadata: inout GGUFMetadata
    ) throws {
        guard folder.has("tokenizer.model") else {
            throw TokenizerError.missing(
                file: folder.path, key: "tokenizer.model (a GGUF file of \(family) is made from it)"
            )
        }
        let vocabulary = try SentencePieceConversion(folder: folder, vocabularySize: vocabularySize)
            .vocabulary(style)
        try addScored(
            vocabulary.tokenList, vocabulary.scores, vocabulary.kinds, to: &metadata)
    }

    /// `LlamaHfVocab`: only named special tokens are control tokens, and no token has a score of its own.
    private func addScalarPairs(_ tokenizer: JSONObject, to metadata: inout GGUFMetadata) throws {
        let definition = try TokenizerDefinition(
            tokenizer: tokenizer, configuration: try folder.configuration(),
            file: folder.path("tokenizer.json"))
        guard case .scalarPairs = definition.model else {
            throw TokenizerError.unsupported(
                file: folder.path("tokenizer.json"), key: "pre_tokenizer", found: "ByteLevel",
                supported: "Metaspace or none with byte_fallback")
        }
        let special = try namedSpecialTokens()
        let members = tokenizer["model"]?.object?["vocab"]?.object?.members.count ?? 0
        let kinds = definition.tokens.indices.map { id -> TokenizerDefinition.TokenKind in
            if id < members, ByteToken.byte(of: definition.tokens[id]) != nil { return .byte }
            if special.contains(definition.tokens.text(id)) { return .control }
            return id < members ? .normal : .userDefined
        }
        try addScored(
            definition.tokens, Array(repeating: -1000, count: kinds.count), kinds, to: &metadata)
    }

    /// The texts that `tokenizer_config.json` and `special_tokens_map.json` give to a role or list as special.
    private func namedSpecialTokens() throws -> Set<String> {
        let configuration = try folder.configuration()
        var texts: Set<String> = []
        func insert(_ value: JSONValue) {
            if let text = value.string ?? value.object?["content"]?.string { texts.insert(text) }
        }
        for member in configuration.members {
            switch member.key {
            case "extra_special_tokens", "additional_special_tokens":
                member.value.array?.forEach(insert)
            case let key where key.hasSuffix("_token"): insert(member.value)
            default: break
            }
        }
        return texts
    }

    private func addScored(
        _ tokens: ByteStringList, _ scores: [Float], _ kinds: [TokenizerDefinition.TokenKind],
        to metadata: inout GGUFMetadata
    ) throws {
        metadata[GGUFTokenizerKey.model] = .string(ByteString("llama"))
        metadata[GGUFTokenizerKey.preTokenizer] = .string(ByteString("default"))
        metadata[GGUFTokenizerKey.tokens] = .array(.strings(tokens))
        metadata[GGUFTokenizerKey.scores] = .array(.f32(scores))
        metadata[GGUFTokenizerKey.tokenTypes] = .array(.i32(kinds.map(\.rawValue)))
        try addSurvey(vocabularySize: tokens.count, to: &metadata)
    }

    /// `_set_vocab_gpt2`: byte-level byte-pair encoding.
    private func addBytePairs(to metadata: inout GGUFMetadata) throws {
        let file = folder.path("tokenizer.json")
        let definition = try TokenizerDefinition.read(folder, vocabularySize: vocabularySize)
        guard case .byteLevelPairs(let merges, let ignoresMerges) = definition.model,
            case .byteLevel(let rule, _) = definition.preTokenizer
        else {
            throw TokenizerError.unsupported(
                file: file, key: "model",
                found:
                    "not byte-level, while a GGUF file of \(family) is made from tokenizer.model",
                supported: "ByteLevel, or a folder with tokenizer.model")
        }
        if let vocabularySize, definition.tokens.count > vocabularySize {
            throw TokenizerError.idOutOfRange(
                file: file, key: "the greatest token id", id: definition.tokens.count - 1,
                tokens: vocabularySize)
        }
        var texts = ByteStringList()
        for merge in merges {
            texts.append(
                definition.tokens[Int(merge.left)] + [0x20] + definition.tokens[Int(merge.right)])
        }
        let name = PreTokenizerName.name(
            of: rule, ignoresMerges: ignoresMerges, family: family, merges: texts)
        guard let name else {
            throw TokenizerError.unsupported(
                file: file, key: "model.ignore_merges",
                found: "\(ignoresMerges) with the expression of \(rule.rawValue)",
                supported:
                    "in GGUF: true with llama-bpe and tekken, false with the others but tekken")
        }
        let (tokens, kinds) = Self.converted(definition)
        metadata[GGUFTokenizerKey.model] = .string(ByteString("gpt2"))
        metadata[GGUFTokenizerKey.preTokenizer] = .string(ByteString(name))
        metadata[GGUFTokenizerKey.tokens] = .array(.strings(tokens))
        metadata[GGUFTokenizerKey.tokenTypes] = .array(.i32(kinds.map(\.rawValue)))
        if !merges.isEmpty { metadata[GGUFTokenizerKey.merges] = .array(.strings(texts)) }
        try addSurvey(vocabularySize: nil, to: &metadata)
    }

    /// The texts and kinds that the converter gives to added tokens: what decoding makes of those that are not
    /// normalised, spaces in place of `▁`, and control tokens by their looks.
    private static func converted(_ definition: TokenizerDefinition) -> (
        ByteStringList, [TokenizerDefinition.TokenKind]
    ) {
        var tokens = ByteStringList()
        tokens.reserve(strings: definition.tokens.count, bytes: definition.tokens.bytes.count)
        var kinds = definition.kinds
        for (id, token) in definition.tokens.enumerated() {
            guard kinds[id].isAdded else {
                tokens.append(token)
                continue
            }
            var text = definition.tokens.text(id)
            if definition.addedTokenRules[id]?.isNormalized != true,
                let bytes = ByteAlphabet.decode(token)
            {
                text = String(decoding: bytes, as: UTF8.self)
            }
            if kinds[id] == .control || SpecialLooks.areSpecial(text) {
                kinds[id] = .control
            } else {
                text = text.replacing(PreTokenizerRule.spaceMark, with: " ")
            }
            tokens.append(text.utf8)
        }
        return (tokens, kinds)
    }

    // MARK: - Special tokens

    private func addSurvey(vocabularySize: Int?, to metadata: inout GGUFMetadata) throws {
        let survey = try SpecialTokenSurvey(
            folder: folder, config: config, vocabularySize: vocabularySize)
        let tokens = metadata[GGUFTokenizerKey.tokens]
        let tokenCount = if case .array(.strings(let list)) = tokens { list.count } else { 0 }
        for (role, id) in survey.tokens {
            guard let key = GGUFTokenizerKey.ofRole[role] else { continue }
            guard id < tokenCount, let number = UInt32(exactly: id) else {
                throw TokenizerError.idOutOfRange(
                    file: folder.path, key: "\(role)_token_id", id: id, tokens: tokenCount)
            }
            metadata[key] = .u32(number)
        }
        for (role, isAdded) in survey.additions {
            if let key = GGUFTokenizerKey.ofAddition[role] { metadata[key] = .bool(isAdded) }
        }
        addChatTemplates(survey.chatTemplate, to: &metadata)
        if let flag = survey.lowercases { metadata[GGUFTokenizerKey.lowercases] = .bool(flag) }
        if let flag = survey.stripsAccents {
            metadata[GGUFTokenizerKey.stripsAccents] = .bool(flag)
        }
    }

    private func addChatTemplates(_ value: JSONValue?, to metadata: inout GGUFMetadata) {
        if let text = value?.string {
            metadata[GGUFTokenizerKey.chatTemplate] = .string(ByteString(text))
        }
        var main: String?
        var names: [String] = []
        for template in value?.array ?? [] {
            guard let name = template.object?["name"]?.string, !name.isEmpty,
                let source = template.object?["template"]?.string
            else { continue }
            let key = Self.plainName(name)
            if key == "default" {
                main = source
            } else {
                if !names.contains(key) { names.append(key) }
                metadata[GGUFTokenizerKey.chatTemplate(named: key)] = .string(ByteString(source))
            }
        }
        // The converter lists the names in the order of a Python set, which is no order.
        if !names.isEmpty {
            metadata[GGUFTokenizerKey.chatTemplateNames] = .array(
                .strings(ByteStringList(names.sorted())))
        }
        if let main { metadata[GGUFTokenizerKey.chatTemplate] = .string(ByteString(main)) }
    }

    /// A name with every scalar that is no ASCII letter or digit replaced.
    private static func plainName(_ name: String) -> String {
        String(
            String.UnicodeScalarView(
                name.unicodeScalars.map { scalar in
                    switch scalar {
                    case "0"..."9", "A"..."Z", "a"..."z": scalar
                    default: "_"
                    }
                }))
    }
}
