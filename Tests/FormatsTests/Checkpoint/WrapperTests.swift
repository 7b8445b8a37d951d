import Foundation
import TestSupport
import Testing

@testable import Formats

/// Multimodal folders: the text decoder is a model, and everything else is carried.
@Suite struct WrapperTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// A copy of a wrapper's fixture whose tensors have other names.
    private func renamed(
        _ family: String, config: [String: JSONValue?] = [:], _ prefixes: [(String, String)]
    ) throws -> Checkpoint {
        try FamilyFixture(family, in: folder, config: config) { tensors in
            tensors.map { tensor in
                let old = tensor.description
                let name =
                    prefixes.first { old.name.hasPrefix($0.0) }
                    .map { $0.1 + old.name.dropFirst($0.0.count) } ?? old.name
                return (
                    TensorDescription(name: name, type: old.type, shape: old.shape), tensor.bytes
                )
            }
        }.open()
    }

    private static let inModules = [
        ("language_model.model.", "model.language_model."), ("language_model.lm_head.", "lm_head."),
        ("vision_tower.", "model.vision_tower."),
        ("multi_modal_projector.", "model.multi_modal_projector."),
    ]

    private func data(of tensor: StoredTensor) -> [UInt8] {
        tensor.bytes.withUnsafeBytes { Array($0) }
    }

    // MARK: - Names

    @Test(arguments: [inModules, Array(inModules.dropFirst())])
    func everySpellingOfTheNamesIsTheSameModel(_ prefixes: [(String, String)]) throws {
        let original = try FamilyFixture("mistral3").open()
        let other = try renamed("mistral3", prefixes)
        #expect(try other.hyperparameters() == original.hyperparameters())
        #expect(other.tensors.compactMap(\.role).count == original.tensors.compactMap(\.role).count)
        #expect(other.carriedTensors.count == 15)
        #expect(other.carriedTensors.count == original.carriedTensors.count)
    }

    @Test func newTensorsAreCalledAsTheFilesOthersAre() throws {
        let bias = WeightRole.block(0, .attentionOutput, .bias)
        let edit = CheckpointEdit.set(
            bias, values: [Float](repeating: 1, count: 16), form: .canonical, type: .f32)
        for (source, name) in [
            (try FamilyFixture("gemma3-wrapped").open(), "language_model.model.layers.0."),
            (try renamed("gemma3-wrapped", Self.inModules), "model.language_model.layers.0."),
        ] {
            let written = try folder.write(source, [edit], as: "out")
            #expect(written.tensor(bias)?.name == name + "self_attn.o_proj.bias")
            #expect(written.config?["attention_bias"] == nil)
            #expect(written.config?["text_config"]?.object?["attention_bias"] == .bool(true))
            try written.validate()
        }
    }

    @Test func aHeadOfItsOwnIsAnnouncedWhereTheClassReadsIt() throws {
        let source = try FamilyFixture("gemma3-wrapped").open()
        let shape = try #require(source.tensor(WeightRole(.tokenEmbedding))).shape
        let values = (0..<shape[0] * shape[1]).map { Float($0 % 7) }
        let written = try folder.write(
            source, [.set(WeightRole(.output), values: values, form: .canonical, type: .f32)],
            as: "out")
        #expect(written.tensor(WeightRole(.output))?.name == "language_model.lm_head.weight")
        #expect(written.config?["tie_word_embeddings"] == .bool(false))
        #expect(try !written.hyperparameters().tiesEmbeddings)
    }

    // MARK: - What is carried

    @Test func everythingElseIsCarriedByteForByte() throws {
        let fixture = try FamilyFixture("mistral3", in: folder, config: [:])
        let others = ["preprocessor_config.json", "processor_config.json", "chat_template.jinja"]
        for name in others {
            try Data(name.utf8).write(to: URL(fileURLWithPath: fixture.path + "/" + name))
        }
        let source = try fixture.open()
        let written = try folder.write(source, [.types(.plain(.f16))], as: "out")
        #expect(written.tensors.map(\.name).sorted() == source.tensors.map(\.name).sorted())
        for tensor in source.carriedTensors {
            let other = try #require(written.carriedTensors.first { $0.name == tensor.name })
            #expect(other.type == .f32)
            #expect(other.hasBytes(of: tensor), "\(tensor.name)")
        }
        #expect(written.tensor(.block(0, .attentionQuery))?.type == .f16)
        for name in others {
            #expect(try bytes(ofFile: folder.path("out/" + name)) == Array(name.utf8))
        }
        var expected = try #require(source.config)
        var text = try #require(expected["text_config"]?.object)
        expected["torch_dtype"] = .string("float16")
        text["torch_dtype"] = .string("float16")
        expected["text_config"] = .object(text)
        #expect(written.config == expected)
    }

    @Test func aConversionTellsWhatItLeavesOut() throws {
        let plan = try OutputPlan(
            source: FamilyFixture("mistral3").open(), edits: [], format: .gguf)
        let note = try #require(plan.notes.first { $0.contains("left out") })
        for words in ["15 tensors", "vision_tower", "multi_modal_projector", "mmproj"] {
            #expect(note.contains(words), "\(note)")
        }
    }

    @Test func aTensorThatIsNeitherIsNotLeftOut() throws {
        let source = try renamed("mistral3", [("vision_tower.ln_pre.", "adapter.ln_pre.")])
        let error = #expect(throws: CheckpointError.self) {
            try OutputPlan(source: source, edits: [], format: .gguf)
        }
        #expect(error?.description.contains("adapter.ln_pre.weight") ?? false)
    }

    @Test func theDecoderByItselfIsTheSameModel() throws {
        for family in ["gemma3-wrapped", "mistral3"] {
            let source = try FamilyFixture(family).open()
            let alone = try folder.write(
                folder.write(source, as: "model.gguf"), as: "alone")
            #expect(alone.wrapper == nil)
            let comparison = try CheckpointComparison(
                source, alone, crew: WorkCrew(threads: 2))
            #expect(comparison.isSame, "\(family)")
        }
    }

    // MARK: - Configuration

    @Test func theClassDecidesWhetherTheHeadIsTied() throws {
        func ties(_ config: [String: JSONValue?]) throws -> Bool? {
            var members = try #require(try FamilyFixture("mistral3").open().config)
            for (key, value) in config { members[key] = value }
            return try #require(Wrapper(members)?.textConfig(of: members))["tie_word_embeddings"]?
                .bool
        }
        #expect(try ties([:]) == false)
        #expect(try ties(["tie_word_embeddings": nil]) == true)
        #expect(try ties(["tie_word_embeddings": .bool(true)]) == true)
    }

    @Test func tokensMayBeNamedOutside() throws {
        let source = try FamilyFixture("gemma3-wrapped").open().config ?? JSONObject()
        var config = source
        config["eos_token_id"] = .integer(5)
        let text = try #require(Wrapper(config)?.textConfig(of: config))
        #expect(text["eos_token_id"] == .integer(5))
        var changed = text
        changed["eos_token_id"] = .integer(6)
        #expect(Wrapper(config)?.config(config, with: changed)["eos_token_id"] == .integer(6))
        #expect(Wrapper(source)?.config(source, with: text)["text_config"]?.object != nil)
    }

    @Test(arguments: [
        ("text_config", JSONValue?.none, "'text_config' is missing"),
        (
            "text_config", .object(JSONObject([.init("model_type", .string("mistral4"))])),
            "'mistral4' in 'text_config'"
        ),
        ("model_type", .string("llava"), "architecture 'llava' wraps a text model"),
        ("text_config", .string("none"), "'text_config' is not an object"),
    ])
    func aDecoderThatIsNotKnownIsRefusedByName(
        key: String, value: JSONValue?, words: String
    ) throws {
        let fixture = try FamilyFixture("mistral3", in: folder, config: [key: value])
        let error = #expect(throws: CheckpointError.self) {
            let model = try fixture.open()
            try model.validate()
            _ = try model.hyperparameters()
        }
        #expect(error?.description.contains(words) ?? false, "\(String(describing: error))")
    }

    @Test(arguments: [
        JSONValue?.none, .object(JSONObject([.init("model_type", .string("mistral4"))])),
    ])
    func whatIsNotKnownIsCopied(text: JSONValue?) throws {
        let source = try FamilyFixture("mistral3", in: folder, config: ["text_config": text]).open()
        let copy = try folder.write(source, as: "copy")
        #expect(copy.config == source.config)
        #expect(copy.tensors.map(\.name) == source.tensors.map(\.name))
    }

    @Test func errorsNameThePartOfTheConfiguration() throws {
        let source = try FamilyFixture("mistral3").open()
        var text = try #require(source.config?["text_config"]?.object)
        text["num_hidden_layers"] = .integer(-1)
        let fixture = try FamilyFixture(
            "mistral3", in: folder, config: ["text_config": .object(text)])
        let error = #expect(throws: CheckpointError.self) { try fixture.open().hyperparameters() }
        #expect(error?.description.contains("config.json (text_config): ") ?? false)
    }
}
