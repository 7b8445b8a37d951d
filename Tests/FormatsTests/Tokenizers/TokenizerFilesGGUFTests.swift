import Formats
import Testing

@Suite struct TokenizerFilesGGUFTests {
    /// A vocabulary of four letters and two merges, with a control token, a user-defined one and padding.
    ///
    /// Made for each test: an enumeration marks the pointers in it, so that the leak sanitizer does not see that a global
    /// one still holds its arrays.
    static var metadata: GGUFMetadata {
        GGUFMetadata([
            .init("general.architecture", .string(ByteString("llama"))),
            .init("tokenizer.ggml.model", .string(ByteString("gpt2"))),
            .init("tokenizer.ggml.pre", .string(ByteString("smollm"))),
            .init(
                "tokenizer.ggml.tokens",
                .array(
                    .strings(
                        ByteStringList([
                            "<|end|>", "a", "b", "c", "Ġ", "ab", "abc", "<tool>", "[PAD8]",
                            "[PAD9]",
                        ])))),
            .init("tokenizer.ggml.token_type", .array(.i32([3, 1, 1, 1, 1, 1, 1, 4, 5, 5]))),
            .init("tokenizer.ggml.merges", .array(.strings(ByteStringList(["a b", "ab c"])))),
            .init("tokenizer.ggml.bos_token_id", .u32(0)),
            .init("tokenizer.ggml.eos_token_id", .u32(0)),
            .init("tokenizer.ggml.add_bos_token", .bool(false)),
            .init("tokenizer.ggml.add_space_prefix", .bool(false)),
            .init("tokenizer.chat_template", .string(ByteString("{{ x }}"))),
        ])
    }

    static func definition() throws -> TokenizerDefinition {
        try TokenizerDefinition(metadata: metadata, file: "m.gguf")
    }

    @Test func readsAllFields() throws {
        let definition = try Self.definition()
        #expect(
            definition.model
                == .byteLevelPairs(
                    merges: [
                        TokenMerge(left: 1, right: 2, result: 5),
                        TokenMerge(left: 5, right: 3, result: 6),
                    ], ignoresMerges: false))
        #expect(definition.preTokenizer == .byteLevel(.smolLM, addsSpacePrefix: false))
        #expect(definition.normalizers.isEmpty && definition.decoder == .byteLevel)
        #expect(definition.tokens.count == 10)
        #expect(definition.kinds[0] == .control && definition.kinds[7] == .userDefined)
        #expect(definition.beginningOfText == 0 && definition.endOfText == 0)
        #expect(definition.unknown == nil && definition.padding == nil)
        #expect(!definition.addsBeginningOfText && !definition.addsEndOfText)
        #expect(definition.chatTemplate == "{{ x }}")
    }

    /// Gemma 4's: merges over scalars, in pieces that are newlines or have none.
    @Test func mergesOverScalarsAreRead() throws {
        var metadata = Self.metadata
        metadata["tokenizer.ggml.model"] = .string(ByteString("gemma4"))
        metadata["tokenizer.ggml.pre"] = nil
        metadata["tokenizer.ggml.add_bos_token"] = .bool(false)
        let definition = try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        guard case .scalarPairs(let merges, let rules) = definition.model else {
            Issue.record("\(definition.model)")
            return
        }
        #expect(merges.map(\.result) == [5, 6] && rules.keepsNewlineRuns && rules.fallsBackToBytes)
        #expect(definition.preTokenizer == .newlineRuns)
        #expect(definition.normalizers == [.replace(" ", with: "▁")])
        // Whatever the file says.
        #expect(definition.addsBeginningOfText)
        metadata["tokenizer.ggml.merges"] = nil
        #expect(throws: TokenizerError.self) {
            try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        }
    }

    @Test func missingKeysTakeTheDefaultsOfLlamaCpp() throws {
        var metadata = Self.metadata
        metadata["tokenizer.ggml.add_bos_token"] = nil
        metadata["tokenizer.ggml.token_type"] = nil
        metadata["tokenizer.ggml.pre"] = .string(ByteString("llama-v3"))
        let llama = try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        #expect(llama.addsBeginningOfText)
        #expect(llama.preTokenizer == .byteLevel(.llama3, addsSpacePrefix: false))
        #expect(llama.kinds.allSatisfy { $0 == .normal })
        guard case .byteLevelPairs(_, ignoresMerges: true) = llama.model else {
            Issue.record("Llama 3 keeps pieces that are tokens whole")
            return
        }
    }

    @Test func emptyTokenGetsAName() throws {
        var metadata = Self.metadata
        metadata["tokenizer.ggml.tokens"] = .array(
            .strings(ByteStringList(["", "a", "b", "c", "Ġ", "ab", "abc", "x", "y", "z"])))
        let definition = try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        #expect(definition.tokens.text(0) == "[EMPTY_0]")
    }

    @Test(
        arguments: [
            (
                "tokenizer.ggml.model", .string(ByteString("bert")), .unsupported,
                "'bert'; supported: gpt2"
            ),
            ("tokenizer.ggml.model", nil, .input, "'tokenizer.ggml.model' is missing"),
            (
                "tokenizer.ggml.pre", .string(ByteString("falcon")), .unsupported,
                "'falcon'; supported: gpt-2"
            ),
            ("tokenizer.ggml.pre", nil, .input, "missing"),
            ("tokenizer.ggml.tokens", nil, .input, "missing"),
            ("tokenizer.ggml.tokens", .array(.u32([1])), .input, "not an array of strings"),
            (
                "tokenizer.ggml.tokens", .array(.strings(ByteStringList(["a", "b", "a"]))), .input,
                "token 'a' occurs twice, as 0 and as 2"
            ),
            (
                "tokenizer.ggml.token_type", .array(.i32([1])), .input,
                "1 elements, but the vocabulary has 10"
            ),
            (
                "tokenizer.ggml.token_type", .array(.i32([3, 1, 1, 1, 1, 1, 1, 4, 5, 9])), .input,
                "token 9 has type 9"
            ),
            (
                "tokenizer.ggml.scores", .array(.f32([0])), .input,
                "1 elements, but the vocabulary has 10"
            ),
            ("tokenizer.ggml.scores", .u32(0), .input, "not an array of numbers"),
            ("tokenizer.ggml.merges", nil, .input, "missing"),
            (
                "tokenizer.ggml.merges", .array(.strings(ByteStringList(["a b", "ab"]))), .input,
                "merge 1 'ab' is not two"
            ),
            (
                "tokenizer.ggml.merges", .array(.strings(ByteStringList(["a "]))), .input,
                "merge 0 'a ' is not two"
            ),
            (
                "tokenizer.ggml.merges", .array(.strings(ByteStringList(["a b", "a c"]))), .input,
                "merge 1 'a c' needs the token 'ac'"
            ),
            (
                "tokenizer.ggml.merges", .array(.strings(ByteStringList(["q b"]))), .input,
                "needs the token 'q'"
            ),
            (
                "tokenizer.ggml.bos_token_id", .u32(10), .input,
                "is 10, but the vocabulary has 10 tokens"
            ),
            ("tokenizer.ggml.eos_token_id", .i32(-1), .input, "is -1, but"),
            ("tokenizer.ggml.bos_token_id", .bool(true), .input, "not a token id"),
            ("tokenizer.ggml.add_bos_token", .u32(1), .input, "not true or false"),
            ("tokenizer.chat_template", .u32(1), .input, "not a string"),
        ] as [(String, GGUFValue?, FailureKind, String)])
    func malformedMetadataIsRefused(
        key: String, value: GGUFValue?, kind: FailureKind, message: String
    ) throws {
        var metadata = Self.metadata
        metadata[key] = value
        let error = try #require(throws: TokenizerError.self) {
            try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        }
        #expect(error.kind == kind)
        #expect(
            error.description.contains(message) && error.description.hasPrefix("m.gguf: "),
            "\(error)")
    }

    @Test func byteLevelVocabulariesHaveNoSpacePrefixAsInLlamaCpp() throws {
        var metadata = Self.metadata
        metadata["tokenizer.ggml.add_space_prefix"] = .bool(true)
        for name in ["smollm", "gpt-2"] {
            metadata["tokenizer.ggml.pre"] = .string(ByteString(name))
            let definition = try TokenizerDefinition(metadata: metadata, file: "m.gguf")
            guard case .byteLevel(_, addsSpacePrefix: false) = definition.preTokenizer else {
                Issue.record("llama.cpp does not look at add_space_prefix here")
                return
            }
        }
    }

    @Test func addingATokenThatHasNoNameIsRefused() {
        var metadata = Self.metadata
        metadata["tokenizer.ggml.bos_token_id"] = nil
        metadata["tokenizer.ggml.add_bos_token"] = .bool(true)
        #expect(throws: TokenizerError.self) {
            try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        }
    }

    // MARK: - SentencePiece

    /// The letters, two merges, all that a vocabulary of SentencePiece has beside, and no key that has a default.
    static var scored: GGUFMetadata {
        GGUFMetadata([
            .init("tokenizer.ggml.model", .string(ByteString("llama"))),
            .init(
                "tokenizer.ggml.tokens",
                .array(
                    .strings(
                        ByteStringList([
                            "<unk>", "<s>", "</s>", "<0x0A>", "a", "b", "▁", "ab", "▁ab",
                        ])
                    ))),
            .init(
                "tokenizer.ggml.scores", .array(.f32([0, 0, 0, 0, -3, -4, -5, -1, -2]))),
            .init("tokenizer.ggml.token_type", .array(.i32([2, 3, 3, 6, 1, 1, 1, 1, 1]))),
        ])
    }

    @Test func missingKeysOfSentencePieceTakeTheDefaultsOfLlamaCpp() throws {
        let definition = try TokenizerDefinition(metadata: Self.scored, file: "m.gguf")
        #expect(definition.model == .scoredPairs(scores: [0, 0, 0, 0, -3, -4, -5, -1, -2]))
        #expect(definition.normalizers == [.prepend("▁"), .replace(" ", with: "▁")])
        #expect(definition.decoder == .spaceMarks(joinsBytes: true, start: .dropSpaces(1)))
        #expect(definition.beginningOfText == 1 && definition.endOfText == 2)
        #expect(definition.unknown == 0 && definition.padding == nil)
        #expect(definition.addsBeginningOfText && !definition.addsEndOfText)
    }

    @Test func noSpacePrefixMeansNoneComesOffAgain() throws {
        var metadata = Self.scored
        metadata["tokenizer.ggml.add_space_prefix"] = .bool(false)
        let definition = try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        #expect(definition.normalizers == [.replace(" ", with: "▁")])
        #expect(definition.decoder == .spaceMarks(joinsBytes: true, start: .keep))
    }

    @Test func addedTokensOfPhi3TakeTheSpaceBehindThem() throws {
        var metadata = Self.scored
        #expect(try TokenizerDefinition(metadata: metadata, file: "m").addedTokenRules.isEmpty)
        metadata["general.name"] = .string(ByteString("Phi-3-mini"))
        let rules = try TokenizerDefinition(metadata: metadata, file: "m.gguf").addedTokenRules
        #expect(rules.keys.sorted() == [2])
        #expect(rules[2]?.takesSpaceAfter == true)
    }

    @Test(
        arguments: [
            ("tokenizer.ggml.scores", nil, "missing"),
            (
                "tokenizer.ggml.scores", .array(.f32([0])),
                "1 elements, but the vocabulary has 9"
            ),
            (
                "tokenizer.ggml.scores", .array(.f32([0, 0, 0, 0, .nan, 0, 0, 0, 0])),
                "token 4 has the score nan"
            ),
            (
                "tokenizer.chat_templates", .array(.strings(ByteStringList(["tool"]))),
                "'tokenizer.chat_template.tool' is missing"
            ),
        ] as [(String, GGUFValue?, String)])
    func malformedScoresAreRefused(key: String, value: GGUFValue?, message: String) throws {
        var metadata = Self.scored
        metadata[key] = value
        let error = try #require(throws: TokenizerError.self) {
            try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        }
        #expect(error.description.contains(message), "\(error)")
    }

    @Test func brokenCharacterMapsAreRefused() throws {
        var metadata = Self.scored
        metadata["tokenizer.ggml.model"] = .string(ByteString("t5"))
        let trie: [UInt8] = [4, 0, 0, 0, 0, 0, 0, 0]
        for bytes in [[], [4, 0, 0], [8, 0, 0, 0, 0, 0, 0, 0, 0], trie, trie + [65]] {
            metadata["tokenizer.ggml.precompiled_charsmap"] = .array(.u8(bytes))
            #expect(throws: TokenizerError.self, "\(bytes)") {
                try TokenizerDefinition(metadata: metadata, file: "m.gguf")
            }
        }
        metadata["tokenizer.ggml.precompiled_charsmap"] = .array(.u8(trie + [0]))
        #expect(throws: Never.self) {
            try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        }
    }
}
