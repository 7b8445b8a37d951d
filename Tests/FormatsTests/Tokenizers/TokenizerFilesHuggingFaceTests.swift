import Formats
import Foundation
import Testing

@Suite struct TokenizerFilesHuggingFaceTests {
    private static let json = """
        {"added_tokens": [{"id": 5, "content": "<s>", "special": true}, {"id": 6, "content": "<tool>", "special": false}],
         "normalizer": null,
         "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
         "post_processor": {"type": "ByteLevel"}, "decoder": {"type": "ByteLevel"},
         "model": {"type": "BPE", "dropout": null, "unk_token": null, "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4},
          "merges": ["a b", ["ab", "c"]]}}
        """

    private static func read(
        _ json: String, _ configuration: String = "{}", vocabularySize: Int? = nil
    ) throws -> TokenizerDefinition {
        try TokenizerDefinition(
            tokenizer: #require(try JSONReader.parse(Array(json.utf8), source: "t").object),
            configuration: #require(
                try JSONReader.parse(Array(configuration.utf8), source: "c").object),
            vocabularySize: vocabularySize, file: "tokenizer.json")
    }

    @Test func readsAllFields() throws {
        let definition = try Self.read(
            Self.json,
            #"{"bos_token": {"content": "<s>"}, "eos_token": "<s>", "pad_token": null, "chat_template": [{"name": "tools", "template": "T"}, {"name": "default", "template": "D"}]}"#,
            vocabularySize: 9)
        #expect(
            definition.model
                == .byteLevelPairs(
                    merges: [
                        TokenMerge(left: 0, right: 1, result: 3),
                        TokenMerge(left: 3, right: 2, result: 4),
                    ], ignoresMerges: false))
        #expect(
            definition.tokens.indices.map { definition.tokens.text($0) }
                == ["a", "b", "c", "ab", "abc", "<s>", "<tool>", "[PAD7]", "[PAD8]"])
        #expect(definition.kinds.suffix(4) == [.control, .userDefined, .unused, .unused])
        #expect(definition.beginningOfText == 5 && definition.endOfText == 5)
        #expect(definition.padding == nil && !definition.addsBeginningOfText)
        #expect(definition.chatTemplate == "D")
    }

    @Test(arguments: PreTokenizerRule.SplitRule.allCases)
    func writtenFilesReadBackEqual(rule: PreTokenizerRule.SplitRule) throws {
        var definition = try TokenizerFilesGGUFTests.definition()
        definition.preTokenizer = .byteLevel(rule, addsSpacePrefix: false)
        definition.addedTokenRules[7] = .init()
        definition.addedTokenRules[7]?.takesSpaceAfter = true
        definition.otherChatTemplates = [.init(name: "tools", source: "T")]
        definition.addsBeginningOfText = true
        definition.addsEndOfText = true
        definition.endOfText = 7
        definition.normalizers = rule == .qwen2 ? [.unicode(.nfc), .lowercase] : []
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "rtedit-tokenizer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for file in try definition.huggingFaceFiles(file: "m.gguf") {
            try Data(file.bytes).write(to: folder.appending(path: file.name))
        }
        let back = try TokenizerDefinition.read(
            folder: folder.path(percentEncoded: false), vocabularySize: definition.tokens.count)
        #expect(back == definition)
    }

    @Test func templateFileWinsOverTheConfiguration() throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "rtedit-tokenizer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(Self.json.utf8).write(to: folder.appending(path: "tokenizer.json"))
        try Data(#"{"chat_template": "C"}"#.utf8).write(
            to: folder.appending(path: "tokenizer_config.json"))
        try Data(#"{"bos_token": "<s>"}"#.utf8).write(
            to: folder.appending(path: "special_tokens_map.json"))
        try Data("J".utf8).write(to: folder.appending(path: "chat_template.jinja"))
        let definition = try TokenizerDefinition.read(folder: folder.path(percentEncoded: false))
        #expect(definition.chatTemplate == "J")
        #expect(definition.beginningOfText == 5)
    }

    @Test func postProcessorDecidesWhatIsAdded() throws {
        let template =
            #"{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]}}}"#
        let json = Self.json.replacing(
            #""post_processor": {"type": "ByteLevel"}"#, with: "\"post_processor\": \(template)")
        let definition = try Self.read(json)
        #expect(definition.addsBeginningOfText && !definition.addsEndOfText)
        #expect(definition.beginningOfText == 5, "named by the post-processor alone")
        #expect(throws: TokenizerError.self) { try Self.read(json, #"{"bos_token": "<tool>"}"#) }
    }

    @Test(
        arguments: [
            (
                #""type": "BPE""#, #""type": "WordPiece""#, .unsupported,
                "'WordPiece'; supported: BPE, Unigram"
            ),
            (
                #""type": "BPE""#, #""type": "Unigram""#, .unsupported,
                "ByteLevel with the model Unigram"
            ),
            (#""type": "BPE", "#, "", .unsupported, "model.type"),
            (#""dropout": null"#, #""dropout": 0.1"#, .unsupported, "dropout"),
            (#""dropout": null"#, #""byte_fallback": true"#, .unsupported, "byte_fallback"),
            (
                #""dropout": null"#, #""end_of_word_suffix": "</w>""#, .unsupported,
                "end_of_word_suffix"
            ),
            (#""unk_token": null"#, #""unk_token": "<s>""#, .unsupported, "byte 0 is not a token"),
            (
                #""normalizer": null"#, #""normalizer": {"type": "BertNormalizer"}"#, .unsupported,
                "BertNormalizer as a step; supported: none, NFC"
            ),
            (
                #""normalizer": null"#,
                #""normalizer": {"type": "Replace", "pattern": {"Regex": "a+"}, "content": "b"}"#,
                .unsupported, "Replace of a+"
            ),
            (
                #""normalizer": null"#,
                #""normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}"#, .input,
                "the precompiled character map is malformed"
            ),
            (#""use_regex": true"#, #""use_regex": false"#, .unsupported, "pre_tokenizer"),
            (
                #""type": "ByteLevel", "add_prefix_space""#,
                #""type": "Whitespace", "add_prefix_space""#, .unsupported,
                "'pre_tokenizer' is Whitespace"
            ),
            (
                #"{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}"#,
                #"{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "x+"}, "behavior": "Isolated", "invert": false}, {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]}"#,
                .unsupported, "Split by x+ then ByteLevel"
            ),
            (
                #""decoder": {"type": "ByteLevel"}"#, #""decoder": null"#, .unsupported,
                "'decoder' is none"
            ),
            (
                #""post_processor": {"type": "ByteLevel"}"#,
                #""post_processor": {"type": "RobertaProcessing"}"#, .unsupported,
                "RobertaProcessing"
            ),
            (#""id": 5"#, #""id": 4"#, .input, "token id 4 belongs to both 'abc' and '<s>'"),
            (#""id": 5"#, #""id": -5"#, .input, "not a token id"),
            (#""id": 5"#, #""id": 5000000"#, .unsupported, "5000000"),
            (#""content": "<s>""#, #""content": """#, .input, "added_tokens[0]"),
            (
                #""content": "<s>""#, #""content": "a""#, .input,
                "token 'a' occurs twice, as 0 and as 5"
            ),
            (#""a b""#, #""ab""#, .input, "merge 0 'ab' is not two"),
            (#"["ab", "c"]"#, #"["ab"]"#, .input, "merge 1"),
            (#"["ab", "c"]"#, #"["ab", "b"]"#, .input, "needs the token 'abb'"),
            (#""vocab""#, #""words""#, .input, "'model.vocab' is missing"),
            (#""merges""#, #""pairs""#, .input, "'model.merges' is missing"),
            (#""model""#, #""models""#, .input, "'model' is missing"),
        ] as [(String, String, FailureKind, String)])
    func otherTokenizersAreRefused(
        part: String, replacement: String, kind: FailureKind, message: String
    ) throws {
        let json = Self.json.replacing(part, with: replacement)
        #expect(json != Self.json)
        let error = try #require(throws: TokenizerError.self) { try Self.read(json) }
        #expect(error.kind == kind, "\(error)")
        #expect(error.description.contains(message), "\(error)")
    }

    @Test func unknownSpecialTokenIsRefused() {
        #expect(throws: TokenizerError.self) { try Self.read(Self.json, #"{"eos_token": "</s>"}"#) }
        #expect(throws: TokenizerError.self) { try Self.read(Self.json, #"{"eos_token": 5}"#) }
        #expect(throws: TokenizerError.self) {
            try Self.read(Self.json, #"{"chat_template": 5}"#)
        }
    }

    @Test func tokensThatAreNotUTF8AreNotWritten() throws {
        var definition = try TokenizerFilesGGUFTests.definition()
        definition.tokens.append([0xFF])
        definition.kinds.append(.control)
        #expect(throws: TokenizerError.self) { try definition.huggingFaceFiles(file: "m.gguf") }
    }
}
