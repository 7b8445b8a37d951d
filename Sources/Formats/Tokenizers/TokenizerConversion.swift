/// Writes the tokenizer of a Hugging Face folder as metadata of a GGUF file: keys, order, types and values equal those
/// of llama.cpp's converter (`conversion/base.py` and `gguf-py/gguf/vocab.py`) where these give the folder's ids.
///
/// There are four layouts: `llama` from `tokenizer.model` with SentencePiece's scores; `llama` from `tokenizer.json`
/// alone, with scores in the order of its merges (the converter writes -1000 for all, which scrambles every text); `gemma4`
/// with its merges; and `gpt2` with merges. Which one is taken follows from what the folder's tokenizer is, not from the name of its class.
///
/// What the folder's tokenizer does is decided by `TokenizerDefinition.read` alone. The entries are read back and
/// compared with it: special tokens and kinds are put right, a rule that a GGUF file cannot hold is told, and refused
/// where ordinary texts would become other tokens.
package struct TokenizerConversion {
    /// The entries, all under `tokenizer.`, and what a GGUF file does not hold, one line each.
    package struct Result {
        package let entries: [GGUFMetadata.Entry]
        package let notes: [String]
        /// How many tokens the entries have: llama.cpp wants as many rows in the embedding.
        package let tokenCount: Int
    }

    private let folder: HuggingFaceTokenizerFolder
    private let config: JSONObject
    private let name: String?
    private let layout: TokenizerLayout

    /// - Parameters:
    ///   - folder: the checkpoint's folder
    ///   - config: its `config.json`
    ///   - layout: what the converter does for the family
    ///   - name: the `general.name` that the file gets, by which llama.cpp knows Phi-3
    package init(
        folder: String, config: JSONObject, layout: TokenizerLayout, name: String? = nil
    ) {
        self.folder = HuggingFaceTokenizerFolder(path: folder)
        self.config = config
        self.name = name
        self.layout = layout
    }

    private var vocabularySize: Int? { config["vocab_size"]?.integer }

    /// The entries, all under `tokenizer.`.
    ///
    /// - Throws: as `result()`.
    package func entries() throws -> [GGUFMetadata.Entry] { try result().entries }

    /// The entries and what is lost.
    ///
    /// - Throws: what `TokenizerDefinition.read` throws; `TokenizerError.unsupported` where llama.cpp has no name for the
    ///   rules, or would turn ordinary texts into other tokens.
    package func result() throws -> Result {
        let own = try TokenizerDefinition.read(folder, vocabularySize: vocabularySize)
        var metadata = GGUFMetadata()
        var notes = own.notes + [try folder.chatTemplateNote()].compactMap { $0 }
        if layout.isLlama,
            let flag = try folder.object("tokenizer_config.json")?["add_prefix_space"]?.bool
        {
            metadata[GGUFTokenizerKey.addsSpacePrefix] = .bool(flag)
        }
        switch own.model {
        case .byteLevelPairs(let merges, let ignoresMerges):
            try addBytePairs(own, merges, ignoresMerges, to: &metadata)
        case .scalarPairs(let merges, _) where layout.keepsScalarPairs:
            try addKeptPairs(own, merges, to: &metadata)
        case .scalarPairs, .scoredPairs, .unigram:
            if folder.has("tokenizer.model") {
                try addSentencePiece(own, to: &metadata)
            } else if case .scalarPairs(let merges, _) = own.model {
                try addScalarPairs(own, merges, to: &metadata)
            } else {
                throw TokenizerError.unsupported(
                    file: folder.path("tokenizer.json"), key: "model.type", found: "Unigram",
                    supported: "BPE in GGUF")
            }
            if let endOfTurn = layout.endOfTurn { addEndOfTurn(endOfTurn, to: &metadata) }
            if layout.startsWithoutSpace {
                metadata[GGUFTokenizerKey.addsSpacePrefix] = .bool(false)
            }
        }
        if layout.isLlama {
            // The converter knows CodeLlama and Granite's small models by the sizes of their vocabularies.
            if vocabularySize == 32016 { addEndOfTurn(32010, to: &metadata) }
            if vocabularySize == 49152 {
                metadata[GGUFTokenizerKey.addsBeginningOfText] = .bool(false)
            }
        }
        let repair = TokenizerRepair(
            own, file: folder.path, name: name, visible: layout.visible)
        try repair.apply(to: &metadata)
        notes += try repair.losses(of: metadata)
        return Result(
            entries: metadata.entries, notes: notes,
            tokenCount: metadata[GGUFTokenizerKey.tokens]?.array?.strings?.count ?? 0)
    }

    private func addEndOfTurn(_ id: UInt32, to metadata: inout GGUFMetadata) {
        if metadata[GGUFTokenizerKey.endOfTurn] == nil {
            metadata[GGUFTokenizerKey.endOfTurn] = .u32(id)
        }
    }

    // MARK: - Layouts

    private func addSentencePiece(
        _ own: TokenizerDefinition, to metadata: inout GGUFMetadata
    ) throws {
        let vocabulary = try SentencePieceConversion(folder: folder, vocabularySize: vocabularySize)
            .vocabulary(layout.readsAddedTokens ? .converterOfAddedTokens : .converter)
        try addScored(
            vocabulary.tokenList, vocabulary.scores, vocabulary.kinds, to: &metadata)
    }

    /// The vocabulary of `LlamaHfVocab`, with scores in the order of the merges.
    private func addScalarPairs(
        _ own: TokenizerDefinition, _ merges: [TokenMerge], to metadata: inout GGUFMetadata
    ) throws {
        try addScored(
            own.tokens, MergeScores.scores(of: merges, in: own), own.kinds, to: &metadata)
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

    /// Gemma 4's vocabulary: scores that nobody reads, and the merges.
    private func addKeptPairs(
        _ own: TokenizerDefinition, _ merges: [TokenMerge], to metadata: inout GGUFMetadata
    ) throws {
        let kinds = own.kinds.enumerated().map { id, kind in
            layout.visible.contains(own.tokens.text(id)) ? .userDefined : kind
        }
        let scores = [Float](repeating: MergeScores.added, count: own.tokens.count)
        metadata[GGUFTokenizerKey.model] = .string(ByteString("gemma4"))
        metadata[GGUFTokenizerKey.tokens] = .array(.strings(own.tokens))
        metadata[GGUFTokenizerKey.scores] = .array(.f32(scores))
        metadata[GGUFTokenizerKey.tokenTypes] = .array(.i32(kinds.map(\.rawValue)))
        metadata[GGUFTokenizerKey.merges] = .array(.strings(Self.texts(of: merges, in: own)))
        try addSurvey(vocabularySize: nil, to: &metadata)
        metadata[GGUFTokenizerKey.addsSpacePrefix] = .bool(false)
        metadata[GGUFTokenizerKey.addsBeginningOfText] = .bool(true)
    }

    /// Merges as GGUF files write them.
    private static func texts(
        of merges: [TokenMerge], in own: TokenizerDefinition
    ) -> ByteStringList {
        var texts = ByteStringList()
        for merge in merges {
            texts.append(own.tokens[Int(merge.left)] + [0x20] + own.tokens[Int(merge.right)])
        }
        return texts
    }

    /// `_set_vocab_gpt2`: byte-level byte-pair encoding.
    private func addBytePairs(
        _ own: TokenizerDefinition, _ merges: [TokenMerge], _ ignoresMerges: Bool,
        to metadata: inout GGUFMetadata
    ) throws {
        let file = folder.path("tokenizer.json")
        guard case .byteLevel(let rule, _) = own.preTokenizer else {
            throw TokenizerError.unsupported(
                file: file, key: "pre_tokenizer", found: "not ByteLevel", supported: "ByteLevel")
        }
        if let vocabularySize, own.tokens.count > vocabularySize {
            throw TokenizerError.idOutOfRange(
                file: file, key: "the greatest token id", id: own.tokens.count - 1,
                tokens: vocabularySize)
        }
        let texts = Self.texts(of: merges, in: own)
        let name = PreTokenizerName.name(
            of: rule, ignoresMerges: ignoresMerges, preferred: layout.preTokenizerNames,
            merges: texts,
            hasAddedSpaces: own.tokens.indices.contains {
                own.kinds[$0].isAdded && own.tokens[$0].elementsEqual("  ".utf8)
            })
        guard let name else {
            throw TokenizerError.unsupported(
                file: file, key: "model.ignore_merges",
                found: "\(ignoresMerges) with the expression of \(rule.rawValue)",
                supported:
                    "in GGUF: true with llama-bpe and tekken, false with the others but tekken")
        }
        let (tokens, kinds) = Self.converted(own)
        metadata[GGUFTokenizerKey.model] = .string(ByteString("gpt2"))
        metadata[GGUFTokenizerKey.preTokenizer] = .string(ByteString(name))
        metadata[GGUFTokenizerKey.tokens] = .array(.strings(tokens))
        metadata[GGUFTokenizerKey.tokenTypes] = .array(.i32(kinds.map(\.rawValue)))
        // Without the key llama.cpp does not load the file, even where there are none.
        metadata[GGUFTokenizerKey.merges] = .array(.strings(texts))
        let roles = layout.roles.compactMap { role, text in
            own.tokens.indices.first { own.kinds[$0].isAdded && own.tokens.text($0) == text }
                .map { (role, $0) }
        }
        try addSurvey(vocabularySize: nil, roles: roles, to: &metadata)
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

    /// - Parameter roles: roles of tokens that count instead of the folder's, or beside them.
    private func addSurvey(
        vocabularySize: Int?, roles: [(role: String, id: Int)] = [],
        to metadata: inout GGUFMetadata
    ) throws {
        let survey = try SpecialTokenSurvey(
            folder: folder, config: config, vocabularySize: vocabularySize)
        let tokens = metadata[GGUFTokenizerKey.tokens]
        let tokenCount = if case .array(.strings(let list)) = tokens { list.count } else { 0 }
        for (role, id) in survey.tokens.map({ ($0, $1) }) + roles {
            guard let key = GGUFTokenizerKey.ofRole[role] else { continue }
            guard id < tokenCount, let number = UInt32(exactly: id) else {
                // Nothing needs a padding token.
                if role != "bos", role != "eos" { continue }
                throw TokenizerError.idOutOfRange(
                    file: folder.path("config.json"), key: "\(role)_token_id", id: id,
                    tokens: tokenCount)
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
    static func plainName(_ name: String) -> String {
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
