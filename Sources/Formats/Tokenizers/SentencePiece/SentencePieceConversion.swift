/// Takes the vocabulary of a folder's `tokenizer.model`, with the tokens that the files beside it add or rename.
struct SentencePieceConversion {
    /// Whose rules decide what an added token is.
    enum Style {
        /// SentencePiece's and transformers'.
        case own
        /// Those of llama.cpp's converter: a piece that the user defined counts as normal unless
        /// `tokenizer_config.json` lists it; an added token that looks special is.
        case converter
        /// The same where the converter reads the added tokens of `tokenizer.json` as well.
        case converterOfAddedTokens
    }

    /// The arrays of a GGUF vocabulary.
    struct Vocabulary {
        var tokens: [[UInt8]]
        var scores: [Float]
        var kinds: [TokenizerDefinition.TokenKind]

        var tokenList: ByteStringList {
            var list = ByteStringList()
            list.reserve(strings: tokens.count, bytes: tokens.count * 8)
            for token in tokens { list.append(token) }
            return list
        }
    }

    /// The scores that the converter gives to tokens the model does not have, and to added ones.
    private static let paddingScore: Float = -10000
    private static let addedScore: Float = -1000

    private let folder: HuggingFaceTokenizerFolder
    private let vocabularySize: Int?
    private let file: String
    private let model: SentencePieceModel

    /// - Parameters:
    ///   - folder: the folder with `tokenizer.model`
    ///   - vocabularySize: how many tokens there are, filled up or cut; as many as the model has where nil
    init(folder: HuggingFaceTokenizerFolder, vocabularySize: Int?) throws {
        self.folder = folder
        self.vocabularySize = vocabularySize
        file = folder.path("tokenizer.model")
        model = try SentencePieceModel(folder.bytes("tokenizer.model"), file: file)
    }

    /// - Throws: `TokenizerError.unsupported` where the model is no byte-pair encoding, which is all that a GGUF
    ///   vocabulary of kind `llama` can be.
    func vocabulary(_ style: Style) throws -> Vocabulary {
        if style != .own, model.algorithm != .bytePairs {
            throw TokenizerError.unsupported(
                file: file, key: "trainer_spec.model_type", found: "\(model.algorithm)",
                supported: "bytePairs in GGUF")
        }
        let size = vocabularySize ?? model.pieces.count
        guard size >= 0, size <= VocabularyChecks.tokenLimit else {
            throw TokenizerError.vocabularyTooLarge(
                file: file, tokens: size, limit: VocabularyChecks.tokenLimit)
        }
        var vocabulary = Vocabulary(
            tokens: (0..<size).map { Array("[PAD\($0)]".utf8) },
            scores: Array(repeating: Self.paddingScore, count: size),
            kinds: Array(repeating: .unused, count: size))
        for (id, piece) in model.pieces.prefix(size).enumerated() {
            vocabulary.tokens[id] = piece.text
            vocabulary.scores[id] = piece.score
            vocabulary.kinds[id] = piece.kind
            guard piece.kind == .userDefined else { continue }
            if style == .own {
                vocabulary.tokens[id] = Self.plain(piece.text)
            } else {
                vocabulary.kinds[id] = .normal
            }
        }
        try add(to: &vocabulary, style)
        return vocabulary
    }

    // MARK: - Added tokens

    private func add(to vocabulary: inout Vocabulary, _ style: Style) throws {
        for member in try folder.object("added_tokens.json")?.members ?? [] {
            try add(
                Array(member.key.utf8), .userDefined, id: member.value.integer, to: &vocabulary)
        }
        let configuration = try folder.object("tokenizer_config.json")
        for member in configuration?["added_tokens_decoder"]?.object?.members ?? [] {
            try add(member.value, id: Int(member.key), to: &vocabulary, style)
        }
        guard style == .converterOfAddedTokens else { return }
        for token in try folder.object("tokenizer.json")?["added_tokens"]?.array ?? [] {
            try add(token, id: token.object?["id"]?.integer, to: &vocabulary, style)
        }
    }

    private func add(
        _ token: JSONValue, id: Int?, to vocabulary: inout Vocabulary, _ style: Style
    ) throws(TokenizerError) {
        guard let text = token.object?["content"]?.string else {
            throw .wrongType(
                file: folder.path("tokenizer_config.json"), key: "added_tokens_decoder",
                expected: "an object of tokens with content")
        }
        var isSpecial = token.object?["special"]?.bool ?? false
        if style == .converter, SpecialLooks.areSpecial(text) { isSpecial = true }
        var bytes = Array(text.utf8)
        if !isSpecial, style == .converter { bytes = Self.plain(bytes) }
        try add(bytes, isSpecial ? .control : .userDefined, id: id, to: &vocabulary)
    }

    /// Ids beyond the vocabulary are left out, as the converter does.
    private func add(
        _ text: [UInt8], _ kind: TokenizerDefinition.TokenKind, id: Int?,
        to vocabulary: inout Vocabulary
    ) throws(TokenizerError) {
        guard let id, id >= 0 else {
            throw .wrongType(
                file: file, key: "the id of '\(ByteString(text).text)'", expected: "a token id")
        }
        guard id < vocabulary.tokens.count else { return }
        vocabulary.tokens[id] = text
        vocabulary.scores[id] = Self.addedScore
        vocabulary.kinds[id] = kind
    }

    /// The text with spaces in place of marks: as it stands in a text that was not normalised.
    private static func plain(_ text: [UInt8]) -> [UInt8] {
        Array(
            String(decoding: text, as: UTF8.self).replacing(PreTokenizerRule.spaceMark, with: " ")
                .utf8)
    }

    // MARK: - Definition

    /// The tokenizer by SentencePiece's own rules, for a folder that has no other file.
    ///
    /// Which tokens are added to a text the file does not say: where `tokenizer_config.json` is silent as well, it is
    /// the beginning of text for byte-pair encoding and the end of text for unigram models, as llama.cpp has it.
    func definition() throws -> TokenizerDefinition {
        let configuration = try folder.configuration()
        let vocabulary = try vocabulary(.own)
        let checks = try VocabularyChecks(file: file, tokens: vocabulary.tokenList)
        guard !model.addsSpaceAtEnd else {
            throw TokenizerError.unsupported(
                file: file, key: "treat_whitespace_as_suffix", found: "true", supported: "false")
        }
        let files = try folder.configurationFiles()
        let reader = TokenizerJSONReader(
            tokenizer: JSONObject(), configuration: configuration, file: file,
            configurationFiles: files)
        var notes: [String] = []
        func named(_ key: String, _ fallback: Int?) throws(TokenizerError) -> Int? {
            if let id = try reader.specialToken(key, checks) { return id }
            if let text = SpecialTokenNames.text(configuration[key]) {
                let own = fallback.flatMap {
                    checks.tokens.indices.contains($0) ? checks.tokens.text($0) : nil
                }
                guard own != nil || (key != "bos_token" && key != "eos_token") else {
                    throw .unknownSpecialToken(file: files.file(of: key), key: key, token: text)
                }
                let instead = own.map { "the model's own '\($0)' is taken" } ?? "it is left out"
                notes.append(
                    "\(files.file(of: key)): '\(key)' names '\(text)', which is in no vocabulary: \(instead)"
                )
            }
            return fallback.flatMap { checks.tokens.indices.contains($0) ? $0 : nil }
        }
        let isUnigram = model.algorithm == .unigram
        let first = try named("bos_token", model.beginningOfText)
        let last = try named("eos_token", model.endOfText)
        let templates = try reader.chatTemplates()
        var definition = TokenizerDefinition(
            model: try tokenizerModel(vocabulary), normalizers: normalizers,
            preTokenizer: .none,
            decoder: .spaceMarks(
                joinsBytes: model.hasByteTokens,
                start: model.addsSpacePrefix ? .dropSpaces(1) : .keep),
            tokens: checks.tokens, kinds: vocabulary.kinds, beginningOfText: first,
            endOfText: last, unknown: try named("unk_token", model.unknown),
            padding: try named("pad_token", model.padding),
            separator: try named("sep_token", nil), mask: try named("mask_token", nil),
            addsBeginningOfText: configuration["add_bos_token"]?.bool ?? !isUnigram,
            addsEndOfText: configuration["add_eos_token"]?.bool ?? isUnigram,
            chatTemplate: templates.main, otherChatTemplates: templates.others)
        definition.notes = notes
        try definition.checkConsistency(file: file)
        return definition
    }

    private func tokenizerModel(_ vocabulary: Vocabulary) throws(TokenizerError)
        -> TokenizerModel
    {
        switch model.algorithm {
        case .bytePairs: return .scoredPairs(scores: vocabulary.scores)
        case .unigram:
            return .unigram(
                .sentencePiece(
                    scores: vocabulary.scores, kinds: vocabulary.kinds, unknown: model.unknown,
                    fallsBackToBytes: model.hasByteTokens))
        case .words, .characters:
            throw .unsupported(
                file: file, key: "trainer_spec.model_type", found: "\(model.algorithm)",
                supported: "bytePairs, unigram")
        }
    }

    private var normalizers: [TextNormalizer] {
        .sentencePiece(
            characterMap: model.characterMap, collapsesSpaces: model.collapsesSpaces,
            addsSpacePrefix: model.addsSpacePrefix)
    }
}

extension [TextNormalizer] {
    /// SentencePiece's steps, in its order.
    static func sentencePiece(
        characterMap: CharacterMap?, collapsesSpaces: Bool, addsSpacePrefix: Bool
    ) -> [TextNormalizer] {
        var steps: [TextNormalizer] = []
        if let characterMap { steps.append(.characterMap(characterMap, .longest)) }
        if collapsesSpaces { steps.append(.collapseSpaces) }
        if addsSpacePrefix { steps.append(.prepend(PreTokenizerRule.spaceMark)) }
        return steps + [.replace(" ", with: PreTokenizerRule.spaceMark)]
    }
}

extension TokenizerModel.UnigramRules {
    /// A model as SentencePiece and llama.cpp run it: control, unknown and byte tokens are never produced from text, a
    /// token that the user defined costs nothing.
    static func sentencePiece(
        scores: [Float], kinds: [TokenizerDefinition.TokenKind], unknown: Int?,
        fallsBackToBytes: Bool
    ) -> TokenizerModel.UnigramRules {
        let pairs = zip(scores, kinds)
        let least = pairs.filter { $0.1 == .normal }.map { Double($0.0) }.min() ?? 0
        return TokenizerModel.UnigramRules(
            scores: pairs.map { score, kind in
                switch kind {
                case .normal, .unused: Double(score)
                case .userDefined: 0
                case .control, .unknown, .byte: nil
                }
            }, unknown: unknown, fallsBackToBytes: fallsBackToBytes,
            unknownScore: least - unknownPenalty)
    }
}

/// The texts by which llama.cpp's converter takes an added token for a special one though its file does not say so.
enum SpecialLooks {
    static func areSpecial(_ text: String) -> Bool {
        let surrounds = [("<|", "|>"), ("<｜", "｜>"), ("<unused", ">")]
        return ["<pad>", "<mask>", "<2mass>", "[@BOS@]"].contains(text)
            || surrounds.contains { text.hasPrefix($0.0) && text.hasSuffix($0.1) }
    }
}
