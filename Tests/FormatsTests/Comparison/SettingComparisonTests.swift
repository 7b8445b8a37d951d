import Foundation
import TestSupport
import Testing

@testable import Formats

/// Numbers, metadata and tokenizers of two checkpoints.
@Suite struct SettingComparisonTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func compare(_ a: Checkpoint, _ b: Checkpoint) throws -> CheckpointComparison {
        try CheckpointComparison(a, b, crew: WorkCrew(threads: 1))
    }

    private func edited(_ changes: [(String, GGUFValue?)]) throws -> Checkpoint {
        let source = try Checkpoint.open(Samples.tinyModel)
        let plan = try OutputPlan(
            source: source, edits: changes.map { .setMetadata(key: $0.0, $0.1) }, format: .gguf)
        let path = folder.path("edited.gguf")
        _ = try CheckpointWriter(crew: WorkCrew(threads: 1)).write(
            plan, to: path, replacing: true)
        return try Checkpoint.open(path)
    }

    @Test func aChangedConfigurationIsNamedByNumberAndByField() throws {
        let changed = try FamilyFixture(
            "llama", in: folder,
            config: ["rope_theta": .number(500_000), "transformers_version": .string("9.9")])
        let comparison = try compare(try FamilyFixture("llama").open(), try changed.open())
        #expect(!comparison.isSame)
        let numbers = comparison.settings.filter { $0.group == .hyperparameter }
        #expect(numbers.map(\.name) == ["rotary base"])
        #expect(numbers.first?.b == "500000.0")
        let keys = comparison.settings.filter { $0.group == .key }
        #expect(keys.contains { $0.name == "rope_theta" })
        #expect(keys.contains { $0.name == "transformers_version" && !$0.isDifference })
    }

    @Test func namesOfTheFileAreListedAndMakeNoDifference() throws {
        let renamed = try edited([("general.name", .string(ByteString("other")))])
        let comparison = try compare(try Checkpoint.open(Samples.tinyModel), renamed)
        #expect(comparison.isSame)
        #expect(comparison.settings.map(\.name) == ["general.name"])
    }

    @Test func longListsAreToldByTheirLengthAndTheFirstEntryThatDiffers() throws {
        func list(_ words: [String]) -> GGUFValue { .array(.strings(ByteStringList(words))) }
        let words = (0..<9).map { "tag\($0)" }
        var others = words
        others[4] = "other"
        let first = try edited([("general.tags", list(words)), ("general.few", list(["a"]))])
        let copy = folder.path("first.gguf")
        try FileManager.default.moveItem(atPath: first.path, toPath: copy)
        let second = try edited([
            ("general.tags", list(others)), ("general.few", list(["a", "b"])),
        ])
        let settings = try compare(try Checkpoint.open(copy), second).settings
        let texts = settings.map { "\($0.name): \($0.a ?? "") / \($0.b ?? "")" }
        #expect(
            texts == [
                "general.tags: 9 entries, [4]: tag4 / 9 entries, [4]: other",
                "general.few: [a] / [a, b]",
            ])
        #expect(
            SettingValue.list(words).text(beside: .list(Array(words.prefix(7))))
                == "9 entries, [7]: tag7")
        #expect(
            SettingValue.list(Array(words.prefix(7))).text(beside: .list(words))
                == "7 entries, no [7]")
    }

    @Test func generationSettingsAreListed() throws {
        let copy = try FamilyFixture("llama", in: folder, config: [:])
        try Data("{\"temperature\":0.3}".utf8).write(
            to: URL(fileURLWithPath: copy.path + "/generation_config.json"))
        let comparison = try compare(try FamilyFixture("llama").open(), try copy.open())
        #expect(comparison.isSame)
        #expect(
            comparison.settings.contains {
                $0.group == .generation && $0.name == "temperature" && $0.b == "0.3"
            })
    }

    @Test func tokensKindsTemplatesAndSpecialTokensAreTold() throws {
        let source = try Checkpoint.open(Samples.tinyModel)
        guard case .gguf(let gguf) = source.source,
            case .array(.strings(let tokens))? = gguf.metadata[GGUFTokenizerKey.tokens],
            case .array(.i32(var kinds))? = gguf.metadata[GGUFTokenizerKey.tokenTypes]
        else { throw CheckpointError.missingKey(file: source.path, key: "tokens") }
        var texts = tokens.indices.map { tokens.text($0) }
        // Tokens that no merge needs.
        let control = kinds.indices.filter { kinds[$0] == 3 }
        try #require(control.count > 2)
        texts[control[1]] = "<|changed|>"
        kinds[control[2]] = 4
        let comparison = try compare(
            source,
            try edited([
                (GGUFTokenizerKey.tokens, .array(.strings(ByteStringList(texts)))),
                (GGUFTokenizerKey.tokenTypes, .array(.i32(kinds))),
                (GGUFTokenizerKey.chatTemplate, .string(ByteString("{{ messages }}"))),
                (GGUFTokenizerKey.padding, .u32(7)),
                (GGUFTokenizerKey.merges, gguf.metadata[GGUFTokenizerKey.merges].map(Self.shorter)),
            ]))
        #expect(!comparison.isSame)
        let tokenizer = comparison.tokenizer
        #expect(tokenizer.tokens.map(\.id) == [control[1]])
        #expect(tokenizer.tokens.first?.b == "<|changed|>")
        #expect(tokenizer.kindChanges.count == 1)
        #expect(tokenizer.kindChanges.first == control[2])
        #expect(tokenizer.settings.contains { $0.group == .chatTemplate })
        #expect(tokenizer.settings.contains { $0.name == "padding token" })
        #expect(tokenizer.settings.contains { $0.name == "merges" })
    }

    /// The list without its last merge.
    private static func shorter(_ value: GGUFValue) -> GGUFValue {
        guard let merges = value.array?.strings else { return value }
        return .array(.strings(ByteStringList(merges.indices.dropLast().map { merges.text($0) })))
    }

    @Test func aTokenizerThatCannotBeReadIsADifferenceWithItsReason() throws {
        let broken = try edited([(GGUFTokenizerKey.model, .string(ByteString("bert")))])
        let comparison = try compare(try Checkpoint.open(Samples.tinyModel), broken)
        #expect(!comparison.isSame)
        #expect(comparison.notes.contains { $0.contains("'bert'") })
    }
}
