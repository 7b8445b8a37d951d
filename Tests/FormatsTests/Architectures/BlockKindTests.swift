import TestSupport
import Testing

@testable import Formats

@Suite struct BlockKindTests {
    /// The numbers of Gemma 3 by the metadata of its fixture and one entry more.
    private func numbers(_ pattern: GGUFValue?) throws -> Hyperparameters {
        let source = try Checkpoint.open(Families.folder("gemma3"))
        let plan = try OutputPlan(source: source, edits: [], format: .gguf)
        guard case .gguf(var metadata) = plan.container else {
            throw CheckpointError.cannotExpress(fact: "no metadata")
        }
        metadata["gemma3.attention.sliding_window_pattern"] = pattern
        return try Hyperparameters(
            metadata: metadata, architecture: .gemma3, file: "m.gguf",
            tensors: .init(vocabularySize: 8, tiesEmbeddings: true))
    }

    /// Which blocks have the window.
    private func windowed(_ pattern: GGUFValue?) throws -> [Bool] { try numbers(pattern).windowed }

    @Test func aFileMaySayWhichBlocksSeeAllPositions() throws {
        #expect(try windowed(nil) == [true, true, true, true, true, false])
        #expect(try windowed(.u32(3)) == [true, true, false, true, true, false])
        #expect(try windowed(.u32(0)) == [Bool](repeating: true, count: 6))
        #expect(try numbers(.u32(1)).blockKinds == [])
        let everyOther = [true, false, true, false, true, false]
        #expect(try windowed(.array(.bool(everyOther))) == everyOther)
        let irregular = [true, true, false, false, true, true]
        #expect(try windowed(.array(.bool(irregular))) == irregular)
        #expect(try numbers(.array(.bool([Bool](repeating: false, count: 6)))).blockKinds == [])
    }

    @Test func patternsThatDoNotFitAreRefused() {
        #expect(throws: CheckpointError.self) { try numbers(.array(.bool([true]))) }
        #expect(throws: CheckpointError.self) { try numbers(.string(ByteString("6"))) }
        #expect(throws: CheckpointError.self) { try numbers(.i32(-2)) }
    }

    @Test func theTableIsToldByItsRuleOrBlockByBlock() throws {
        #expect(try numbers(nil).windowText == "6 in 5 of 6 blocks")
        #expect(try numbers(.u32(0)).windowText == "6")
        #expect(try numbers(.u32(1)).windowText == "none")
        let irregular = [true, true, false, false, true, true]
        #expect(try numbers(.array(.bool(irregular))).windowText == "6 in blocks 0 1 4 5")
        #expect(try numbers(nil).ownRopeText == "10000.0")
        #expect(try numbers(nil).unrotatedText == "none")
    }

    @Test func blocksOfEveryNumberAreWithoutRotation() throws {
        var numbers = try numbers(.u32(1))
        func unrotated(_ blocks: Set<Int>) -> String {
            numbers.blockKinds = (0..<6).map {
                BlockKind(rotation: blocks.contains($0) ? .none : .model)
            }
            return numbers.unrotatedText
        }
        #expect(unrotated([2, 5]) == "1 of 3 blocks")
        #expect(unrotated([0, 1, 2, 3, 4, 5]) == "all")
        #expect(unrotated([0, 4]) == "blocks 0 4")
        #expect(numbers.rope(ofBlock: 0) == nil && numbers.rope(ofBlock: 1) == numbers.rope)
    }

    /// Published folders have the spelling of transformers 4, from which transformers 5 takes no base for the windows.
    @Test func theWindowsOfAnOlderOLMo3AreNotScaled() throws {
        let fixture = try FamilyFixture("olmo3").open()
        let scaling = JSONObject([
            .init("rope_type", .string("yarn")), .init("factor", .number(8)),
            .init("original_max_position_embeddings", .integer(8192)),
        ])
        var config = try #require(fixture.config)
        config["rope_parameters"] = nil
        config["rope_theta"] = .number(777)
        config["rope_scaling"] = .object(scaling)
        let numbers = try Hyperparameters(
            config: config, architecture: .olmo3, file: "config.json")
        let unscaled = RopeParameters(base: 500_000, dimensions: 8)
        #expect(numbers.rope(ofBlock: 0) == unscaled)
        let full = try #require(numbers.rope(ofBlock: 3))
        let yarn = RopeParameters.Scaling.yarn(Yarn(factor: 8, originalContext: 8192))
        #expect(full.base == 777 && full.scaling == yarn)
        let written = numbers.config(
            architecture: .olmo3, biasFlags: [:], type: .f32, tokenizer: nil)
        let again = try Hyperparameters(
            config: written, architecture: .olmo3, file: "config.json")
        #expect(again == numbers)
    }

    /// Without the member transformers gives blocks windows, or ends in a division by zero.
    @Test func aFolderSaysThatNoBlockHasAWindowWhereTheFamilyHasSome() throws {
        let numbers = try FamilyFixture("exaone4").open().hyperparameters()
        let config = numbers.config(
            architecture: .exaone4, biasFlags: [:], type: .f32, tokenizer: nil)
        let layers = try #require(config["layer_types"]?.array)
        #expect(layers.compactMap(\.string) == ["full_attention", "full_attention"])
        #expect(config["sliding_window"]?.integer == nil)
    }

    private func commandR7B(_ config: JSONObject) throws -> Hyperparameters {
        try Hyperparameters(config: config, architecture: .cohere2, file: "config.json")
    }

    @Test func aCommandR7BWithoutAWindowIsRefused() throws {
        let fixture = try FamilyFixture("cohere2").open()
        var config = try #require(fixture.config)
        config["sliding_window"] = nil
        #expect(throws: Never.self) { try commandR7B(config) }
        config["sliding_window"] = .null
        #expect(throws: CheckpointError.self) { try commandR7B(config) }
    }

    @Test func llamaCppKnowsTheWindowsOfAnEXAONEByItsNumberOfBlocks() throws {
        func kinds(_ blocks: UInt32) throws -> [BlockKind] {
            let plan = try OutputPlan(
                source: Checkpoint.open(Families.folder("exaone4")), edits: [], format: .gguf)
            guard case .gguf(var metadata) = plan.container else { return [] }
            metadata["exaone4.block_count"] = .u32(blocks)
            return try Hyperparameters(
                metadata: metadata, architecture: .exaone4, file: "m.gguf",
                tensors: .init(vocabularySize: 8, tiesEmbeddings: true)
            ).blockKinds
        }
        #expect(try kinds(30) == [])
        let kinds64 = try kinds(64)
        #expect(kinds64[62] == BlockKind(window: 4096) && kinds64[63] == BlockKind(rotation: .none))
    }

    @Test func aTableOfMoreBlocksThanAnyModelHasIsRefused() throws {
        let config = try #require(try FamilyFixture("mistral").open().config)
        var changed = config
        changed["num_hidden_layers"] = .integer(Hyperparameters.largestTable + 1)
        #expect(throws: CheckpointError.self) {
            try Hyperparameters(
                config: changed, architecture: .mistral, file: "config.json")
        }
    }
}
