import TestSupport
import Testing

@testable import Formats

/// Queries that grow with their position, and the two families that llama.cpp calls `mistral3`.
@Suite struct MinistralTests {
    private func metadata(_ changes: [String: GGUFValue?] = [:]) throws -> GGUFMetadata {
        let source = try FamilyFixture("ministral3").open()
        let numbers = try source.hyperparameters()
        var metadata = GGUFMetadata(try numbers.metadata(architecture: .ministral3))
        for (key, value) in changes { metadata["mistral3." + key] = value }
        return metadata
    }

    private func numbers(_ changes: [String: GGUFValue?] = [:]) throws -> Hyperparameters {
        let metadata = try metadata(changes)
        return try Hyperparameters(
            metadata: metadata,
            architecture: #require(Architecture.named("mistral3", metadata: metadata)),
            file: "model.gguf", tensors: .init(vocabularySize: 79))
    }

    private func yarn(_ changes: [String: GGUFValue?] = [:]) throws -> Yarn? {
        guard case .yarn(let yarn) = try numbers(changes).rope.scaling else { return nil }
        return yarn
    }

    @Test func queriesGrowFromTheContextOn() throws {
        var numbers = try numbers()
        numbers.queryGrowth = 0.1
        numbers.rope.scaling = .yarn(Yarn(factor: 16, originalContext: 16_384))
        #expect(numbers.queryFactor(at: 0) == 1 && numbers.queryFactor(at: 16_383) == 1)
        #expect(abs(numbers.queryFactor(at: 16_384) - 1.0693147) < 1e-6)
        #expect(abs(numbers.queryFactor(at: 3 * 16_384 - 1) - 1.1098612) < 1e-6)
        numbers.queryGrowth = nil
        #expect(numbers.queryFactor(at: 16_384) == 1)
    }

    @Test func aFileWithoutGrowthIsAMistralSmall() throws {
        func family(_ changes: [String: GGUFValue?]) throws -> String? {
            Architecture.named("mistral3", metadata: try metadata(changes))?.huggingFaceModelType
        }
        let key = "attention.temperature_scale"
        #expect(try family([:]) == "ministral3")
        #expect(try family([key: nil]) == "mistral")
        #expect(try family([key: .f32(0)]) == "mistral")
        #expect(try numbers([key: nil]).queryGrowth == nil)
    }

    @Test func theAttentionFactorIsAQuotientOfTwoLogarithms() throws {
        let key = "rope.scaling.yarn_log_multiplier"
        #expect(try yarn()?.attention == 1)
        #expect(try yarn([key: nil])?.attention == Yarn.attention(16))
        #expect(
            try yarn([key: .f32(0.5)])?.attention
                == Yarn.attention(16) / Yarn.attention(16, scale: 0.5))
        #expect(
            try yarn(["rope.scaling.attn_factor": .f32(0.5)])?.attention == 0.5)
        #expect(try yarn()?.betaFast == 1.5)
        #expect(try yarn(["rope.scaling.yarn_beta_fast": nil])?.betaFast == 32)
    }

    @Test func everyAttentionFactorComesBackFromAFile() throws {
        let source = try FamilyFixture("ministral3").open()
        for factor in [nil, 1, 0.75, 1.5] as [Double?] {
            var numbers = try source.hyperparameters()
            guard case .yarn(var yarn) = numbers.rope.scaling else { continue }
            yarn.attentionFactor = factor
            numbers.rope.scaling = .yarn(yarn)
            let file = GGUFMetadata(try numbers.metadata(architecture: .ministral3))
            let back = try Hyperparameters(
                metadata: file, architecture: .ministral3, file: "model.gguf",
                tensors: .init(vocabularySize: 79))
            guard case .yarn(let found) = back.rope.scaling else { continue }
            #expect(abs(found.attention - yarn.attention) < 1e-6, "\(String(describing: factor))")
            let config = numbers.config(
                architecture: .ministral3, biasFlags: [:], type: .f32, tokenizer: nil)
            let read = try Hyperparameters(
                config: config, architecture: .ministral3, file: "config.json")
            guard case .yarn(let again) = read.rope.scaling else { continue }
            #expect(abs(again.attention - yarn.attention) < 1e-6, "\(String(describing: factor))")
        }
    }

    @Test func growthWithoutYarnIsRefused() throws {
        let error = #expect(throws: CheckpointError.self) {
            try numbers(["rope.scaling.type": .string(ByteString("none"))])
        }
        #expect(error?.description.contains("without yarn") ?? false)
    }

    @Test(arguments: ["llama", "mistral3"])
    func otherFamiliesDoNotKnowTheMember(family: String) throws {
        var config = try #require(try FamilyFixture(family).open().config)
        let rope = JSONObject([
            .init("rope_type", .string("default")), .init("llama_4_scaling_beta", .number(0.1)),
        ])
        var members = config["text_config"]?.object ?? config
        members["rope_scaling"] = .object(rope)
        if config["text_config"] == nil { config = members }
        let architecture = family == "llama" ? Architecture.llama : .mistralSmall
        let error = #expect(throws: CheckpointError.self) {
            try Hyperparameters(config: members, architecture: architecture, file: "config.json")
        }
        #expect(error?.description.contains("llama_4_scaling_beta") ?? false)
    }
}
