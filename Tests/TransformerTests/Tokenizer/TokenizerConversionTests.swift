import Formats
import Foundation
import TestSupport
import Testing
import Transformer

/// Tokenizers carried from Hugging Face folders to GGUF metadata and back.
@Suite struct TokenizerConversionTests {
    private static func entries(_ family: String) throws -> [GGUFMetadata.Entry] {
        try TokenizerConversion(
            folder: TokenizerFamilies.folder(family), config: TokenizerFamilies.config(family)
        ).entries()
    }

    @Test(arguments: TokenizerFamilies.convertible)
    func metadataEqualsThatOfTheConverter(family: String) throws {
        let found = try Self.entries(family)
        let expected = try TokenizerFamilies.reference(family).metadata().entries
        #expect(found.map(\.key) == expected.map(\.key))
        for (left, right) in zip(found, expected)
        where !Self.repaired.contains([family, left.key]) {
            #expect(left.value == right.value, "\(left.key)")
        }
    }

    /// What the converter writes wrong: no order of merges, and a marker of turns that is an ordinary token.
    private static let repaired = [
        ["mistral", "tokenizer.ggml.scores"], ["gemma", "tokenizer.ggml.token_type"],
    ]

    @Test func scoresOfAFolderWithoutTheModelFileGiveItsIDs() throws {
        let result = try TokenizerConversion(
            folder: TokenizerFamilies.folder("mistral"), config: TokenizerFamilies.config("mistral")
        ).result()
        let definition = try TokenizerDefinition(
            metadata: GGUFMetadata(result.entries), file: "m.gguf")
        let (left, right) = (
            try Tokenizer(definition), try Tokenizer(TokenizerFamilies.definition("mistral"))
        )
        let texts = try TokenizerFixtures.strings()
        let others = texts.filter { left.encode($0) != right.encode($0) }
        #expect(others.isEmpty || !result.notes.isEmpty, "\(others.count) texts are cut otherwise")
        #expect(others.count < texts.count / 2, "\(others.count)")
    }

    @Test func aMarkerThatTokenizerJSONCallsSpecialIsAControlToken() throws {
        let metadata = GGUFMetadata(try Self.entries("gemma"))
        let expected = try TokenizerFamilies.reference("gemma").metadata()
        let key = "tokenizer.ggml.token_type"
        let kinds = try #require(metadata[key]?.array?.integers)
        var theirs = try #require(expected[key]?.array?.integers)
        #expect(theirs[5] == 1)
        theirs[5] = 3
        #expect(kinds == theirs)
    }

    @Test(arguments: TokenizerFamilies.convertible.filter { $0 != "mistral" })
    func writtenFolderGivesTheIDsOfTheGGUFFile(family: String) throws {
        let metadata = GGUFMetadata(try Self.entries(family))
        let definition = try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        let folder = try Self.write(definition)
        let back = try TokenizerDefinition.read(
            folder: folder.path, vocabularySize: definition.tokens.count)
        let (left, right) = (try Tokenizer(back), try Tokenizer(definition))
        for text in try TokenizerFixtures.strings() {
            #expect(left.encode(text) == right.encode(text), "\(text.debugDescription)")
        }
        #expect(back.tokens == definition.tokens)
        #expect(back.chatTemplate == definition.chatTemplate)
        #expect(back.beginningOfText == definition.beginningOfText)
        #expect(back.endOfText == definition.endOfText)
        #expect(back.padding == definition.padding)
    }

    @Test(arguments: ["llama2", "phi3", "gemma"])
    func scoresAndTypesSurviveTheWayThereAndBack(family: String) throws {
        let metadata = GGUFMetadata(try Self.entries(family))
        let definition = try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        let folder = try Self.write(definition)
        let again = GGUFMetadata(
            try TokenizerConversion(
                folder: folder.path, config: TokenizerFamilies.config(family)
            ).entries())
        for key in ["model", "tokens", "scores", "token_type", "bos_token_id", "eos_token_id"] {
            #expect(again["tokenizer.ggml.\(key)"] == metadata["tokenizer.ggml.\(key)"], "\(key)")
        }
    }

    @Test func scoresWithoutAnOrderAreNotTurnedIntoMerges() throws {
        let metadata = try TokenizerFamilies.reference("mistral").metadata()
        let definition = try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        let error = try #require(throws: TokenizerError.self) {
            try definition.huggingFaceFiles(file: "m.gguf")
        }
        #expect(error.kind == .unsupported)
        #expect(error.description.contains("'tokenizer.ggml.scores' is -1000"), "\(error)")
    }

    @Test func runsOfSpacesOfOneScoreGrowFromTheLeft() throws {
        // As in Llama's vocabulary, but with some lengths missing.
        let lengths = [1, 2, 3, 4, 6, 8, 16]
        let runs = lengths.map { String(repeating: "▁", count: $0) }
        let definition = TokenizerDefinition(
            model: .scoredPairs(scores: [0, -5] + lengths.dropFirst().map { _ in -9 }),
            normalizers: [.replace(" ", with: "▁")], preTokenizer: .none,
            decoder: .spaceMarks(joinsBytes: true, start: .keep),
            tokens: ByteStringList(["<unk>"] + runs),
            kinds: [.unknown] + runs.map { _ in .normal }, unknown: 0)
        let folder = try Self.write(definition)
        let back = try TokenizerDefinition.read(folder: folder.path)
        let (left, right) = (try Tokenizer(back), try Tokenizer(definition))
        for count in 1...70 {
            let text = String(repeating: " ", count: count)
            #expect(left.encode(text) == right.encode(text), "\(count) spaces")
        }
    }

    @Test func severalChatTemplatesAreCarriedBothWays() throws {
        let original = try TokenizerFamilies.definition("mistral")
        #expect(original.otherChatTemplates.map(\.name) == ["tool-use"])
        let metadata = GGUFMetadata(try Self.entries("mistral"))
        #expect(metadata["tokenizer.chat_template.tool_use"]?.text == "T{{ x }}")
        let definition = try TokenizerDefinition(metadata: metadata, file: "m.gguf")
        #expect(definition.chatTemplate == original.chatTemplate)
        #expect(definition.otherChatTemplates == [.init(name: "tool_use", source: "T{{ x }}")])
    }

    @Test(arguments: ["llama2", "gemma", "phi3"])
    func theModelFileIsNotNeeded(family: String) throws {
        let folder = try TemporaryFolder()
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            try FileManager.default.copyItem(
                atPath: TokenizerFamilies.folder(family) + "/" + name, toPath: folder.path(name))
        }
        let config = try TokenizerFamilies.config(family)
        let entries = try TokenizerConversion(folder: folder.path, config: config, name: "phi-3")
            .entries()
        let without = try TokenizerDefinition(metadata: GGUFMetadata(entries), file: "m.gguf")
        let with = try TokenizerDefinition(
            metadata: GGUFMetadata(try Self.entries(family)), file: "m.gguf")
        let (left, right) = (try Tokenizer(without), try Tokenizer(with))
        for text in try TokenizerFixtures.strings() {
            #expect(left.encode(text) == right.encode(text), "\(text.debugDescription)")
        }
    }

    @Test func aSpaceBeforeEveryTextIsRefused() throws {
        let error = try #require(throws: TokenizerError.self) { try Self.entries("added_rules") }
        #expect(error.kind == .unsupported)
        #expect(error.description.contains("'a space before the text'"), "\(error)")
    }

    @Test func aUnigramModelIsNotWrittenAsBytePairs() throws {
        let config = JSONObject([.init("model_type", .string("llama"))])
        let error = try #require(throws: TokenizerError.self) {
            try TokenizerConversion(folder: TokenizerFamilies.folder("t5"), config: config)
                .entries()
        }
        #expect(error.description.contains("'trainer_spec.model_type' is unigram"), "\(error)")
    }

    @Test(arguments: [
        ("llama3", "olmo2", "llama-bpe"), ("qwen2", "stablelm", "stablelm2"),
        ("gpt_neox", "stablelm", "olmo"), ("gpt_neox", "gpt2", "gpt-2"),
    ])
    func familyChoosesAmongTheNamesOfOneRule(folder: String, family: String, name: String) throws {
        let config = JSONObject([.init("model_type", .string(family))])
        let entries = try TokenizerConversion(
            folder: TokenizerFamilies.folder(folder), config: config
        ).entries()
        #expect(GGUFMetadata(entries)["tokenizer.ggml.pre"]?.text == name)
    }

    private static func write(_ definition: TokenizerDefinition) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for file in try definition.huggingFaceFiles(file: "m.gguf") {
            try Data(file.bytes).write(to: URL(filePath: folder.path(file.name)))
        }
        return folder
    }
}
