import Formats
import Foundation
import TestSupport
import Testing

/// Which of a folder's files decides what, the same for running, converting and comparing: the rules are transformers'.
@Suite struct TokenizerFolderTests {
    private static let bytes = ByteAlphabet.standIns.map(String.init)

    private static func added(_ id: Int, _ text: String, special: Bool = true) -> JSONValue {
        .object(
            JSONObject([
                .init("id", .integer(id)), .init("content", .string(text)),
                .init("special", .bool(special)), .init("normalized", .bool(false)),
            ]))
    }

    /// A byte-level tokenizer of 258 tokens, the last two `<s>` and `</s>`, with other members where asked for.
    private static func folder(
        _ files: [String: String], tokenizer change: (inout JSONObject) -> Void = { _ in }
    ) throws -> TemporaryFolder {
        let vocabulary = JSONObject(
            bytes.enumerated().map { .init($0.element, .integer($0.offset)) })
        var tokenizer = JSONObject([
            .init("added_tokens", .array([added(256, "<s>"), added(257, "</s>")])),
            .init("normalizer", .null),
            .init("pre_tokenizer", byteLevel(addsSpacePrefix: false)),
            .init("post_processor", .null), .init("decoder", byteLevel(addsSpacePrefix: false)),
            .init(
                "model",
                .object(
                    JSONObject([
                        .init("type", .string("BPE")), .init("vocab", .object(vocabulary)),
                        .init("merges", .array([])),
                    ]))),
        ])
        change(&tokenizer)
        let folder = try TemporaryFolder()
        _ = try folder.write(JSONWriter().bytes(.object(tokenizer)), as: "tokenizer.json")
        for (name, text) in files { _ = try folder.write(Array(text.utf8), as: name) }
        return folder
    }

    private static func byteLevel(addsSpacePrefix: Bool) -> JSONValue {
        .object(
            JSONObject([
                .init("type", .string("ByteLevel")),
                .init("add_prefix_space", .bool(addsSpacePrefix)),
                .init("use_regex", .bool(true)),
            ]))
    }

    private static func read(_ folder: TemporaryFolder, rows: Int = 264) throws
        -> TokenizerDefinition
    {
        try TokenizerDefinition.read(folder: folder.path, vocabularySize: rows)
    }

    private static func convert(
        _ folder: TemporaryFolder, rows: Int = 264, family: String = "llama"
    ) throws -> (definition: TokenizerDefinition, metadata: GGUFMetadata, notes: [String]) {
        let config = JSONObject([
            .init("model_type", .string(family)), .init("vocab_size", .integer(rows)),
        ])
        let result = try TokenizerConversion(folder: folder.path, config: config).result()
        let metadata = GGUFMetadata(result.entries)
        return (
            try TokenizerDefinition(metadata: metadata, file: "m.gguf"), metadata, result.notes
        )
    }

    private static let named = #""bos_token": "<s>", "eos_token": "</s>""#

    // MARK: - Added tokens

    @Test func tokensThatOnlyTheConfigurationNamesAreAdded() throws {
        let folder = try Self.folder([
            "tokenizer_config.json":
                #"{\#(Self.named), "added_tokens_decoder": {"259": {"content": "<b>", "special": false}, "258": {"content": "<a>", "special": true}, "97": {"content": "c", "special": false}, "256": {"content": "<s>", "special": true, "rstrip": true}}}"#
        ])
        let definition = try Self.read(folder)
        #expect(definition.tokens.text(258) == "<a>" && definition.kinds[258] == .control)
        #expect(definition.tokens.text(259) == "<b>" && definition.kinds[259] == .userDefined)
        let letter = try #require(definition.tokens.firstIndex(of: ArraySlice("c".utf8)))
        #expect(definition.kinds[letter] == .userDefined)
        #expect(definition.addedTokenRules[256]?.takesSpaceAfter == true)
        let converted = try Self.convert(folder)
        #expect(converted.definition.tokens == definition.tokens)
        #expect(converted.definition.kinds == definition.kinds)
        #expect(converted.notes.contains { $0.contains("takes the space behind") })
    }

    @Test func anIDThatTransformersDoesNotGiveIsRefused() throws {
        let folder = try Self.folder([
            "tokenizer_config.json":
                #"{\#(Self.named), "added_tokens_decoder": {"260": {"content": "<a>"}}}"#
        ])
        let error = try #require(throws: TokenizerError.self) { try Self.read(folder) }
        #expect(error.kind == .unsupported)
        #expect(
            error.description.contains(
                "tokenizer_config.json: 'added_tokens_decoder.260' is '<a>', to which transformers gives the id 258"
            ), "\(error)")
    }

    @Test func theOlderFilesCountWhereTheConfigurationListsNoTokens() throws {
        let files = [
            "tokenizer_config.json": #"{"bos_token": "<s>"}"#,
            "special_tokens_map.json": #"{"eos_token": {"content": "<b>"}}"#,
            "added_tokens.json": #"{"<b>": 259, "<a>": 258}"#,
        ]
        let definition = try Self.read(Self.folder(files))
        #expect(definition.endOfText == 259 && definition.kinds[259] == .control)
        #expect(definition.tokens.text(258) == "<a>" && definition.kinds[258] == .userDefined)
        let converted = try Self.convert(Self.folder(files))
        #expect(converted.definition.endOfText == 259)
        #expect(converted.notes.isEmpty, "\(converted.notes)")
    }

    @Test func everyNamedTokenIsSpecial() throws {
        let folder = try Self.folder([
            "tokenizer_config.json":
                #"{\#(Self.named), "image_token": "<img>", "extra_special_tokens": ["a"], "pad_token": "<p>"}"#
        ])
        let definition = try Self.read(folder)
        let letter = try #require(definition.tokens.firstIndex(of: ArraySlice("a".utf8)))
        #expect(definition.kinds[letter] == .control)
        #expect(definition.padding == 258 && definition.tokens.text(259) == "<img>")
        #expect(try Self.convert(folder).definition.kinds == definition.kinds)
    }

    @Test func aPaddingTokenWithoutARowIsLeftOutAndTold() throws {
        let folder = try Self.folder([
            "tokenizer_config.json": #"{\#(Self.named), "pad_token": "[PAD]"}"#
        ])
        let definition = try Self.read(folder, rows: 258)
        #expect(definition.padding == nil && definition.tokens.count == 258)
        #expect(definition.notes.count == 1)
        #expect(
            definition.notes[0].contains("tokenizer_config.json: 'pad_token' names '[PAD]'"),
            "\(definition.notes)")
        let converted = try Self.convert(folder, rows: 258)
        #expect(converted.metadata["tokenizer.ggml.padding_token_id"] == nil)
        #expect(converted.notes == definition.notes)
    }

    @Test(arguments: ["bos_token", "eos_token"])
    func aNeededTokenWithoutARowIsRefusedByItsFile(key: String) throws {
        for name in ["tokenizer_config.json", "special_tokens_map.json"] {
            let folder = try Self.folder([name: #"{"\#(key)": "<none>"}"#])
            let error = try #require(throws: TokenizerError.self) {
                try Self.read(folder, rows: 258)
            }
            #expect(error.kind == .input)
            #expect(error.description.contains("\(name): '\(key)' names"), "\(error)")
        }
    }

    @Test func addedTokensBeyondTheRowsAreLeftOutAndTold() throws {
        let folder = try Self.folder(
            ["tokenizer_config.json": #"{\#(Self.named), "pad_token": "<p>"}"#]
        ) { tokenizer in
            let tokens = tokenizer["added_tokens"]?.array ?? []
            tokenizer["added_tokens"] = .array(tokens + [Self.added(258, "<p>")])
        }
        let converted = try Self.convert(folder, rows: 258)
        #expect(converted.definition.tokens.count == 258)
        #expect(converted.notes.contains { $0.contains("'<p>' has the id 258") })
        #expect(try Self.read(folder).padding == 258)
    }

    // MARK: - Chat templates

    @Test func theTemplateOfItsOwnFileIsTheOneInBothFormats() throws {
        let files = [
            "tokenizer_config.json": #"{\#(Self.named), "chat_template": "old"}"#,
            "chat_template.jinja": "new",
        ]
        let converted = try Self.convert(Self.folder(files))
        #expect(try Self.read(Self.folder(files)).chatTemplate == "new")
        #expect(converted.definition.chatTemplate == "new")
        #expect(converted.notes.contains { $0.contains("chat_template.jinja is taken") })
    }

    @Test func aTemplateNeedsNoConfigurationBesideIt() throws {
        for name in ["chat_template.jinja", "chat_template.json"] {
            let text = name.hasSuffix("json") ? #"{"chat_template": "t"}"# : "t"
            #expect(try Self.read(Self.folder([name: text])).chatTemplate == "t")
            #expect(try Self.convert(Self.folder([name: text])).definition.chatTemplate == "t")
        }
    }

    // MARK: - Ends of generation

    @Test func endsOfGenerationComeFromItsConfigurationAndGoToTheKeysOfGGUF() throws {
        let files = [
            "tokenizer_config.json": "{\(Self.named)}",
            "generation_config.json": #"{"eos_token_id": [257, 5, 6]}"#,
            "config.json": #"{"eos_token_id": 9}"#,
        ]
        let definition = try Self.read(Self.folder(files))
        #expect(definition.endOfGeneration == [257, 5, 6])
        let converted = try Self.convert(Self.folder(files))
        #expect(converted.definition.endOfGeneration == [257, 5, 6])
        #expect(converted.notes.isEmpty, "\(converted.notes)")
        #expect(converted.metadata["tokenizer.ggml.eot_token_id"] == .u32(5))
        #expect(converted.metadata["tokenizer.ggml.eom_token_id"] == .u32(6))
    }

    @Test func endsOfGenerationThatGGUFHasNoKeyForAreTold() throws {
        let files = [
            "tokenizer_config.json": "{\(Self.named)}",
            "generation_config.json": #"{"eos_token_id": [257, 5, 6, 256, 999]}"#,
        ]
        let converted = try Self.convert(Self.folder(files))
        #expect(converted.notes.contains { $0.contains("ends of generation") })
        #expect(converted.notes.contains { $0.contains("names 999") })
        #expect(
            TokenizerComparison(try Self.read(Self.folder(files)), converted.definition)
                .isDifference)
    }

    @Test func anEndOfGenerationThatIsNoTokenIDIsRefused() throws {
        let folder = try Self.folder(["generation_config.json": #"{"eos_token_id": "</s>"}"#])
        let error = try #require(throws: TokenizerError.self) { try Self.read(folder) }
        #expect(error.description.contains("generation_config.json: 'eos_token_id'"), "\(error)")
    }

    // MARK: - Rules that GGUF has no place for

    @Test func rulesThatChangeOrdinaryTextsAreRefused() throws {
        let prefix = try Self.folder([:]) {
            $0["pre_tokenizer"] = Self.byteLevel(addsSpacePrefix: true)
        }
        let lower = try Self.folder([:]) { Self.normalize(&$0, "Lowercase") }
        for (folder, rule) in [(prefix, "a space before the text"), (lower, "normalizers")] {
            let error = try #require(throws: TokenizerError.self) { try Self.convert(folder) }
            #expect(error.kind == .unsupported)
            #expect(error.description.contains("'\(rule)'"), "\(error)")
        }
    }

    @Test(arguments: ["NFC", "NFKD", "StripAccents", "Strip"])
    func rulesThatChangeSomeTextsAreToldAndCounted(normalizer: String) throws {
        let folder = try Self.folder([:]) { Self.normalize(&$0, normalizer) }
        let converted = try Self.convert(folder)
        #expect(converted.notes.contains { $0.contains("normalizers") }, "\(converted.notes)")
        let comparison = TokenizerComparison(try Self.read(folder), converted.definition)
        #expect(comparison.isDifference)
        #expect(comparison.settings.map(\.name) == ["normalizers"])
    }

    private static func normalize(_ tokenizer: inout JSONObject, _ type: String) {
        tokenizer["normalizer"] = .object(JSONObject([.init("type", .string(type))]))
    }

    @Test(arguments: ["GPT2Tokenizer", "TokenizersBackend", "PreTrainedTokenizerFast"])
    func theKindOfPhiTokenizersFollowsFromTheFile(name: String) throws {
        let folder = try Self.folder(["tokenizer_config.json": #"{"tokenizer_class": "\#(name)"}"#])
        let converted = try Self.convert(folder, family: "phi3")
        #expect(converted.metadata["tokenizer.ggml.model"]?.text == "gpt2")
    }

    @Test func aFolderAndItsGGUFFileHaveOneTokenizer() throws {
        let folder = try Self.folder(["tokenizer_config.json": "{\(Self.named)}"])
        let converted = try Self.convert(folder)
        let comparison = TokenizerComparison(try Self.read(folder), converted.definition)
        #expect(!comparison.isDifference && converted.notes.isEmpty)
    }
}
