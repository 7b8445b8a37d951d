import Formats
import Testing

@Suite struct TokenizerFilesGGUFTests {
    /// A vocabulary of four letters and two merges, with a control token, a user-defined one and padding.
    static let metadata = GGUFMetadata([
        .init("general.architecture", .string(ByteString("llama"))),
        .init("tokenizer.ggml.model", .string(ByteString("gpt2"))),
        .init("tokenizer.ggml.pre", .string(ByteString("smollm"))),
        .init(
            "tokenizer.ggml.tokens",
            .array(
                .strings(
                    ByteStringList([
                        "<|end|>", "a", "b", "c", "Ġ", "ab", "abc", "<tool>", "[PAD8]", "[PAD9]",
                    ])))),
        .init("tokenizer.ggml.token_type", .array(.i32([3, 1, 1, 1, 1, 1, 1, 4, 5, 5]))),
        .init("tokenizer.ggml.merges", .array(.strings(ByteStringList(["a b", "ab c"])))),
        .init("tokenizer.ggml.bos_token_id", .u32(0)),
        .init("tokenizer.ggml.eos_token_id", .u32(0)),
        .init("tokenizer.ggml.add_bos_token", .bool(false)),
        .init("tokenizer.ggml.add_space_prefix", .bool(false)),
        .init("tokenizer.chat_template", .string(ByteString("{{ x }}"))),
    ])

    static func definition() throws -> TokenizerDefinition {
        try TokenizerDefinition(metadata: metadata, file: "m.gguf")
    }

    @Test func readsAllFields() throws {
        let definition = try Self.definition()
        #expect(
            definition.model
                == .byteLevelBPE(
                    merges: [
                        TokenMerge(left: 1, right: 2, result: 5),
                        TokenMerge(left: 5, right: 3, result: 6),
                    ], ignoresMerges: false))
        #expect(definition.preTokenizer == .smolLM)
        #expect(definition.normalizer == .none)
        #expect(definition.tokens.count == 10)
        #expect(definition.kinds[0] == .control && definition.kinds[7] == .userDefined)
        #expect(definition.beginningOfText == 0 && definition.endOfText == 0)
        #expect(definition.unknown == nil && definition.padding == nil)
        #expect(!definition.addsBeginningOfText && !definition.addsEndOfText)
        #expect(definition.chatTemplate == "{{ x }}")
    }

    @Test func writesWhatItRead() throws {
        let written = try Self.definition().metadataEntries(file: "m.gguf")
        #expect(
            written.sorted { $0.key < $1.key }
                == Self.metadata.entries.dropFirst().sorted { $0.key < $1.key })
        #expect(
            written.map(\.key).prefix(5) == [
                "tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.ggml.tokens",
                "tokenizer.ggml.token_type", "tokenizer.ggml.merges",
            ], "in the order of llama.cpp's converter")
    }

    @Test func missingKeysTakeTheDefaultsOfLlamaCpp() throws {
        var metadata = Self.metadata
        metadata["tokenizer.ggml.add_bos_token"] = nil
        metadata["tokenizer.ggml.token_type"] = nil
        metadata["tokenizer.ggml.pre"] = .string(ByteString("llama-v3"))
        let llama = try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        #expect(llama.addsBeginningOfText)
        #expect(llama.preTokenizer == .llama3)
        #expect(llama.kinds.allSatisfy { $0 == .normal })
        guard case .byteLevelBPE(_, ignoresMerges: true) = llama.model else {
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
                "tokenizer.ggml.model", .string(ByteString("llama")), .unsupported,
                "'llama'; supported: gpt2"
            ),
            ("tokenizer.ggml.model", nil, .input, "'tokenizer.ggml.model' is missing"),
            (
                "tokenizer.ggml.pre", .string(ByteString("tekken")), .unsupported,
                "'tekken'; supported: gpt-2"
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
            (
                "tokenizer.ggml.add_space_prefix", .bool(true), .unsupported,
                "true with the pre-tokenizer smollm"
            ),
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

    @Test func addingATokenThatHasNoNameIsRefused() {
        var metadata = Self.metadata
        metadata["tokenizer.ggml.bos_token_id"] = nil
        metadata["tokenizer.ggml.add_bos_token"] = .bool(true)
        #expect(throws: TokenizerError.self) {
            try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        }
    }

    @Test func rulesWithoutANameAreNotWritten() throws {
        var definition = try Self.definition()
        definition.model = .byteLevelBPE(merges: [], ignoresMerges: true)
        #expect(throws: TokenizerError.self) { try definition.metadataEntries(file: "m.gguf") }
    }
}
