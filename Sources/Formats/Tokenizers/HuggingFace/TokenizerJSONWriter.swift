/// Writes `tokenizer.json` and `tokenizer_config.json`.
struct TokenizerJSONWriter {
    /// The score by which llama.cpp's converter marks tokens that its files add to the vocabulary.
    private static let addedScore: Float = -1000

    private let definition: TokenizerDefinition
    private let texts: [String]
    private let file: String

    /// - Throws: `TokenizerError.unsupported` for a token that is not UTF-8.
    init(_ definition: TokenizerDefinition, file: String) throws(TokenizerError) {
        var texts: [String] = []
        texts.reserveCapacity(definition.tokens.count)
        for id in definition.tokens.indices {
            guard let text = String(validating: definition.tokens[id], as: UTF8.self) else {
                throw .unsupported(
                    file: file, key: "token \(id)", found: "not UTF-8, which JSON cannot hold",
                    supported: "UTF-8")
            }
            texts.append(text)
        }
        self.definition = definition
        self.texts = texts
        self.file = file
    }

    // MARK: - tokenizer.json

    /// - Throws: what `MergeOrder` and `HuggingFaceNormalizer` throw.
    func tokenizer() throws(TokenizerError) -> JSONValue {
        let added = texts.indices.filter { definition.kinds[$0].isAdded }
        return .record(
            ("version", .string("1.0")), ("truncation", .null), ("padding", .null),
            ("added_tokens", .array(added.map { addedToken($0, withID: true) })),
            (
                "normalizer",
                try HuggingFaceNormalizer.value(definition.normalizers, file: file)
            ),
            ("pre_tokenizer", HuggingFacePreTokenizer.value(definition.preTokenizer)),
            ("post_processor", postProcessor()),
            ("decoder", HuggingFaceDecoder.value(definition.decoder)),
            ("model", try model()))
    }

    private func model() throws(TokenizerError) -> JSONValue {
        switch definition.model {
        case .byteLevelPairs(let merges, let ignoresMerges):
            return pairs(
                merges,
                TokenizerModel.ScalarRules(
                    ignoresMerges: ignoresMerges, fallsBackToBytes: false, fusesUnknown: false))
        case .scalarPairs(let merges, let rules): return pairs(merges, rules)
        case .scoredPairs(let scores):
            return pairs(
                try MergeOrder(definition, scores: scores, file: file).merges(),
                TokenizerModel.ScalarRules(unknown: definition.unknown))
        case .unigram(let rules): return unigram(rules)
        }
    }

    private func pairs(_ merges: [TokenMerge], _ rules: TokenizerModel.ScalarRules) -> JSONValue {
        // Added tokens stand in the vocabulary as well: their ids are then read, not counted.
        let vocabulary = texts.indices.filter { !definition.isPadding($0) }
        return .component(
            "BPE", ("dropout", .null),
            ("unk_token", rules.unknown.map { .string(texts[$0]) } ?? .null),
            ("continuing_subword_prefix", .null), ("end_of_word_suffix", .null),
            ("fuse_unk", .bool(rules.fusesUnknown)),
            ("byte_fallback", .bool(rules.fallsBackToBytes)),
            ("ignore_merges", .bool(rules.ignoresMerges)),
            ("vocab", .record(vocabulary.map { (texts[$0], .integer($0)) })),
            (
                "merges",
                .array(
                    merges.map {
                        .array([.string(texts[Int($0.left)]), .string(texts[Int($0.right)])])
                    })
            ))
    }

    /// Every entry needs a score: one that is never produced from text gets the least, which changes no other.
    private func unigram(_ rules: TokenizerModel.UnigramRules) -> JSONValue {
        let least = rules.unknownScore + TokenizerModel.UnigramRules.unknownPenalty
        return .component(
            "Unigram", ("unk_id", rules.unknown.map { .integer($0) } ?? .null),
            (
                "vocab",
                .array(
                    zip(texts, rules.scores).map {
                        .array([.string($0), .number($1 ?? least)])
                    })
            ), ("byte_fallback", .bool(rules.fallsBackToBytes)))
    }

    private func addedToken(_ id: Int, withID: Bool) -> JSONValue {
        let rules = definition.addedTokenRules[id] ?? .init()
        let members: [(String, JSONValue)] = [
            ("content", .string(texts[id])), ("single_word", .bool(rules.isWholeWord)),
            ("lstrip", .bool(rules.takesSpaceBefore)), ("rstrip", .bool(rules.takesSpaceAfter)),
            ("normalized", .bool(rules.isNormalized)),
            ("special", .bool(definition.kinds[id] != .userDefined)),
        ]
        return .record(withID ? [("id", .integer(id))] + members : members)
    }

    /// Puts the tokens that begin and end a text around one text, and around each of a pair.
    private func postProcessor() -> JSONValue {
        let first = definition.addsBeginningOfText ? definition.beginningOfText : nil
        let last = definition.addsEndOfText ? definition.endOfText : nil
        let special = [first, last].compactMap { $0 }
        guard !special.isEmpty else {
            guard definition.decoder == .byteLevel else { return .null }
            return HuggingFacePreTokenizer.byteLevel(usesExpression: true, addsSpacePrefix: false)
        }
        func part(_ sequence: String, type: Int) -> [JSONValue] {
            func entry(_ kind: String, _ name: String) -> JSONValue {
                .record(
                    (kind, .record(("id", .string(name)), ("type_id", .integer(type)))))
            }
            func token(_ id: Int?) -> [JSONValue] {
                id.map { [entry("SpecialToken", texts[$0])] } ?? []
            }
            return token(first) + [entry("Sequence", sequence)] + token(last)
        }
        let names = special.first == special.last ? [special[0]] : special
        return .component(
            "TemplateProcessing",
            ("single", .array(part("A", type: 0))),
            ("pair", .array(part("A", type: 0) + part("B", type: 1))),
            (
                "special_tokens",
                .record(
                    names.map { id in
                        (
                            texts[id],
                            .record(
                                ("id", .string(texts[id])), ("ids", .array([.integer(id)])),
                                ("tokens", .array([.string(texts[id])])))
                        )
                    })
            ))
    }

    // MARK: - tokenizer_config.json

    func configuration() -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("add_bos_token", .bool(definition.addsBeginningOfText)),
            ("add_eos_token", .bool(definition.addsEndOfText)),
        ]
        if let addsSpacePrefix { members.append(("add_prefix_space", .bool(addsSpacePrefix))) }
        let added = addedByFiles
        if !added.isEmpty {
            members.append(
                (
                    "added_tokens_decoder",
                    .record(added.map { (String($0), addedToken($0, withID: false)) })
                ))
        }
        let named = [
            ("bos_token", definition.beginningOfText), ("eos_token", definition.endOfText),
            ("pad_token", definition.padding), ("unk_token", definition.unknown),
            ("sep_token", definition.separator), ("mask_token", definition.mask),
        ]
        for (key, id) in named {
            if let id { members.append((key, .string(texts[id]))) }
        }
        members.append(("clean_up_tokenization_spaces", .bool(false)))
        members.append(("tokenizer_class", .string("PreTrainedTokenizerFast")))
        if let templates = chatTemplates { members.append(("chat_template", templates)) }
        return .record(members)
    }

    /// Whether a space is put before the text, where that is not what SentencePiece does anyway.
    private var addsSpacePrefix: Bool? {
        switch definition.preTokenizer {
        case .byteLevel(_, let addsSpacePrefix): addsSpacePrefix
        case .spaceMarks(let marks): marks.prefix == .never ? false : nil
        case .none, .afterSpaces, .newlineRuns:
            definition.normalizers.contains(.prepend(PreTokenizerRule.spaceMark)) ? nil : false
        }
    }

    /// The added tokens that `tokenizer.model` does not know as what they are: named here, the converter finds them.
    private var addedByFiles: [Int] {
        guard case .scoredPairs(let scores) = definition.model else { return [] }
        return texts.indices.filter {
            scores[$0] == Self.addedScore
                && (definition.kinds[$0] == .control || definition.kinds[$0] == .userDefined)
        }
    }

    private var chatTemplates: JSONValue? {
        guard !definition.otherChatTemplates.isEmpty else {
            return definition.chatTemplate.map { .string($0) }
        }
        let main = definition.chatTemplate.map {
            TokenizerDefinition.NamedChatTemplate(name: "default", source: $0)
        }
        return .array(
            ([main].compactMap { $0 } + definition.otherChatTemplates).map {
                .record(("name", .string($0.name)), ("template", .string($0.source)))
            })
    }
}
