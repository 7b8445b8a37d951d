/// One of the files in which a Hugging Face folder keeps its tokenizer.
public struct HuggingFaceTokenizerFile: Sendable, Equatable {
    public let name: String
    public let content: JSONValue
}

extension TokenizerDefinition {
    /// The tokenizer as `tokenizer.json` and `tokenizer_config.json`.
    ///
    /// The `tokenizers` library reads the first; transformers' `AutoTokenizer` reads both, with the class that
    /// takes `tokenizer.json` as it is (the class of GPT-2 would put its own pre-tokenizer in place of SmolLM's).
    /// Padding entries (`[PADn]`, unused) are left out; `vocab_size` in `config.json` brings them back.
    /// What the files cannot say is lost: other unused, byte and unknown tokens come back as normal, normal and
    /// control; a turn's end that the GGUF file names.
    ///
    /// - Parameter file: what the error is about.
    /// - Returns: the two files, not yet written.
    /// - Throws: `TokenizerError.unsupported` for a token that is not UTF-8, which JSON cannot hold.
    public func huggingFaceFiles(file: String) throws(TokenizerError) -> [HuggingFaceTokenizerFile]
    {
        let texts = try tokenTexts(file: file)
        return [
            HuggingFaceTokenizerFile(name: "tokenizer.json", content: tokenizerJSON(texts)),
            HuggingFaceTokenizerFile(
                name: "tokenizer_config.json", content: tokenizerConfiguration(texts)),
        ]
    }

    private func tokenTexts(file: String) throws(TokenizerError) -> [String] {
        var texts: [String] = []
        texts.reserveCapacity(tokens.count)
        for id in tokens.indices {
            guard let text = String(validating: tokens[id], as: UTF8.self) else {
                throw .unsupported(
                    file: file, key: "token \(id)", found: "not UTF-8, which JSON cannot hold",
                    supported: "UTF-8")
            }
            texts.append(text)
        }
        return texts
    }

    private func tokenizerJSON(_ texts: [String]) -> JSONValue {
        let (merges, ignoresMerges) = byteLevelBPE
        // Added tokens stand in the vocabulary as well: their ids are then read, not counted.
        let vocabulary = texts.indices.filter { !isPadding($0, text: texts[$0]) }
        let model = object([
            ("type", .string("BPE")), ("dropout", .null), ("unk_token", .null),
            ("continuing_subword_prefix", .null), ("end_of_word_suffix", .null),
            ("fuse_unk", .bool(false)), ("byte_fallback", .bool(false)),
            ("ignore_merges", .bool(ignoresMerges)),
            ("vocab", object(vocabulary.map { (texts[$0], .integer($0)) })),
            (
                "merges",
                .array(
                    merges.map {
                        .array([.string(texts[Int($0.left)]), .string(texts[Int($0.right)])])
                    })
            ),
        ])
        let added = texts.indices.filter { isAdded($0) }
        return object([
            ("version", .string("1.0")), ("truncation", .null), ("padding", .null),
            ("added_tokens", .array(added.map { addedToken($0, text: texts[$0]) })),
            (
                "normalizer",
                normalizer == .canonicalComposition ? object([("type", .string("NFC"))]) : .null
            ),
            (
                "pre_tokenizer",
                HuggingFacePreTokenizer.value(preTokenizer, addsSpacePrefix: addsSpacePrefix)
            ),
            ("post_processor", postProcessor(texts)),
            (
                "decoder",
                HuggingFacePreTokenizer.byteLevel(usesExpression: true, addsSpacePrefix: false)
            ),
            ("model", model),
        ])
    }

    private func isAdded(_ id: Int) -> Bool {
        switch kinds[id] {
        case .control, .unknown, .userDefined: true
        case .normal, .unused, .byte: false
        }
    }

    private func isPadding(_ id: Int, text: String) -> Bool {
        kinds[id] == .unused && text == "[PAD\(id)]"
    }

    private func addedToken(_ id: Int, text: String) -> JSONValue {
        object([
            ("id", .integer(id)), ("content", .string(text)), ("single_word", .bool(false)),
            ("lstrip", .bool(false)), ("rstrip", .bool(false)), ("normalized", .bool(false)),
            ("special", .bool(kinds[id] != .userDefined)),
        ])
    }

    /// Puts the tokens that begin and end a text around one text, and around each of a pair.
    private func postProcessor(_ texts: [String]) -> JSONValue {
        let first = addsBeginningOfText ? beginningOfText : nil
        let last = addsEndOfText ? endOfText : nil
        let special = [first, last].compactMap { $0 }
        guard !special.isEmpty else {
            return HuggingFacePreTokenizer.byteLevel(usesExpression: true, addsSpacePrefix: false)
        }
        func part(_ sequence: String, type: Int) -> [JSONValue] {
            let sequence = object([
                ("Sequence", object([("id", .string(sequence)), ("type_id", .integer(type))]))
            ])
            func token(_ id: Int?) -> [JSONValue] {
                guard let id else { return [] }
                return [
                    object([
                        (
                            "SpecialToken",
                            object([("id", .string(texts[id])), ("type_id", .integer(type))])
                        )
                    ])
                ]
            }
            return token(first) + [sequence] + token(last)
        }
        let names = special.first == special.last ? [special[0]] : special
        return object([
            ("type", .string("TemplateProcessing")),
            ("single", .array(part("A", type: 0))),
            ("pair", .array(part("A", type: 0) + part("B", type: 1))),
            (
                "special_tokens",
                object(
                    names.map { id in
                        (
                            texts[id],
                            object([
                                ("id", .string(texts[id])), ("ids", .array([.integer(id)])),
                                ("tokens", .array([.string(texts[id])])),
                            ])
                        )
                    })
            ),
        ])
    }

    private func tokenizerConfiguration(_ texts: [String]) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("add_bos_token", .bool(addsBeginningOfText)),
            ("add_eos_token", .bool(addsEndOfText)),
            ("add_prefix_space", .bool(addsSpacePrefix)),
        ]
        let named = [
            ("bos_token", beginningOfText), ("eos_token", endOfText), ("pad_token", padding),
            ("unk_token", unknown),
        ]
        for (key, id) in named {
            if let id { members.append((key, .string(texts[id]))) }
        }
        members.append(("clean_up_tokenization_spaces", .bool(false)))
        members.append(("tokenizer_class", .string("PreTrainedTokenizerFast")))
        if let chatTemplate { members.append(("chat_template", .string(chatTemplate))) }
        return object(members)
    }

    private func object(_ members: [(String, JSONValue)]) -> JSONValue {
        .object(JSONObject(members.map { JSONObject.Member($0.0, $0.1) }))
    }
}
