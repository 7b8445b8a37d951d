import Foundation
import TestSupport
import Testing

@testable import Formats

/// Members of `config.json`, read as transformers 5.23 reads them; the values were compared with its logits.
@Suite struct ConfigMemberTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func numbers(
        _ family: String, _ changes: [String: JSONValue?]
    ) throws -> Hyperparameters {
        try FamilyFixture(family, in: folder, config: changes).open().hyperparameters()
    }

    private func rope(_ members: [String: JSONValue]) -> JSONValue {
        .object(JSONObject(members.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) }))
    }

    private func yarn(_ more: [String: JSONValue], _ changes: [String: JSONValue?] = [:]) throws
        -> Yarn
    {
        let common: [String: JSONValue] = [
            "rope_type": .string("yarn"), "factor": .number(4),
            "original_max_position_embeddings": .integer(32),
        ]
        let scaling = rope(common.merging(more) { $1 })
        let numbers = try TemporaryFolder.with {
            try FamilyFixture(
                "llama-yarn", in: $0, config: changes.merging(["rope_scaling": scaling]) { $1 }
            ).open().hyperparameters()
        }
        guard case .yarn(let yarn) = numbers.rope.scaling else {
            throw CheckpointError.cannotExpress(fact: "\(numbers.rope.scaling)")
        }
        return yarn
    }

    private func refusal(_ family: String, _ changes: [String: JSONValue?]) throws -> String {
        let error = #expect(throws: CheckpointError.self) { try numbers(family, changes) }
        #expect(error?.kind == .unsupported)
        return try #require(error?.description)
    }

    // MARK: - Members of other families

    @Test(arguments: [
        ("llama", "sliding_window", JSONValue.integer(4)),
        ("llama", "attn_logit_softcapping", .number(30)),
        ("llama", "final_logit_softcapping", .number(30)), ("llama", "logit_scale", .number(0.5)),
        ("llama", "no_rope_layers", .array([.integer(1), .integer(0)])),
        ("llama", "layer_types", .array([.string("sliding_attention")])),
        ("llama", "per_layer_config", .object(JSONObject([.init("1", .integer(1))]))),
        ("llama", "rope_interleaved", .bool(true)), ("llama", "num_experts", .integer(8)),
        ("mistral", "attention_bias", .bool(true)), ("mistral", "is_causal", .bool(false)),
        ("mistral", "layer_types", .array([.string("full_attention")])),
        ("mixtral", "scoring_func", .string("sigmoid")),
        ("mixtral", "n_shared_experts", .integer(1)),
        ("qwen2", "attention_chunk_size", .integer(8)),
        ("qwen3", "use_bidirectional_attention", .bool(true)),
        ("gemma", "query_pre_attn_scalar", .integer(16)),
        ("gemma3", "attn_logit_softcapping", .number(3)), ("phi3", "qk_layernorm", .bool(true)),
        ("gpt2", "rope_theta", .number(500)), ("gpt_neox", "rope_theta", .number(500)),
        ("olmo2", "clip_qkv", .number(8)), ("olmo2", "sliding_window", .integer(4)),
        ("granite", "position_embedding_type", .string("nope")),
        ("starcoder2", "use_parallel_residual", .bool(true)),
        ("stablelm", "residual_multiplier", .number(0.5)),
    ])
    func aMemberThatChangesTheNumbersElsewhereIsRefusedByName(
        family: String, member: String, value: JSONValue
    ) throws {
        #expect(try refusal(family, [member: value]).contains(member))
    }

    @Test(arguments: [
        ("llama", "sliding_window", JSONValue.null), ("llama", "sliding_window", .integer(1 << 20)),
        ("llama", "logit_scale", .number(1)), ("llama", "rope_interleaved", .bool(false)),
        ("llama", "layer_types", .array([.string("full_attention"), .string("attention")])),
        ("llama", "num_local_experts", .integer(0)), ("llama", "unsloth_fixed", .bool(true)),
        ("llama", "head_dim_extra", .integer(3)), ("qwen2", "attention_bias", .bool(true)),
        ("mixtral", "norm_topk_prob", .bool(true)), ("gemma2", "sliding_window_size", .integer(6)),
        ("phi3", "full_attn_mod", .integer(1)), ("starcoder2", "mlp_type", .string("default")),
        ("starcoder2", "norm_type", .string("layer_norm")),
    ])
    func valuesThatChangeNothingAndJunkAreLetThrough(
        family: String, member: String, value: JSONValue
    ) throws {
        let window = try FamilyFixture(family).open().config?["sliding_window"]
        let isOwn = member == "sliding_window_size"
        let changed = try numbers(family, [member: isOwn ? window : value])
        #expect(try FamilyFixture(family).open().hyperparameters() == changed)
    }

    @Test func junkIsNamed() throws {
        let fixture = try FamilyFixture("llama", in: folder, config: ["frobnicate": .integer(3)])
        #expect(try fixture.open().unreadKeys == ["frobnicate"])
        for family in Families.all {
            #expect(try FamilyFixture(family).open().unreadKeys == [], "\(family)")
        }
    }

    // MARK: - Activations

    @Test(arguments: [
        ("gemma", "hidden_act", "gelu", Activation.geluTanh),
        ("gemma2", "hidden_activation", "gelu", .gelu), ("llama", "hidden_act", "gelu", .gelu),
        ("gpt_neox", "hidden_act", "gelu_fast", .geluTanh),
        ("gpt2", "activation_function", "gelu_python", .gelu),
        ("gpt2", "activation_function", "gelu_accurate", .geluTanh),
    ])
    func namesOfActivationsMeanWhatTheyMeanInTheFamily(
        family: String, member: String, name: String, meaning: Activation
    ) throws {
        #expect(try numbers(family, [member: .string(name)]).activation == meaning)
    }

    @Test func theActivationThatGemma2DoesNotReadChangesNothing() throws {
        #expect(try numbers("gemma2", ["hidden_act": .string("silu")]).activation == .geluTanh)
    }

    // MARK: - Rotary parameters

    @Test func yarnIsReadWithAllItsMembers() throws {
        #expect(try yarn([:]) == Yarn(factor: 4, originalContext: 32))
        #expect(try yarn(["truncate": .bool(false)]).roundsRamp == false)
        let betas = try yarn(["beta_fast": .integer(0), "beta_slow": .number(2)])
        #expect(betas.betaFast == 32 && betas.betaSlow == 2)
        #expect(try yarn(["mscale": .number(0.7)]).attentionFactor == nil)
        let both = try yarn(["mscale": .number(1), "mscale_all_dim": .number(0.5)])
        #expect(abs(both.attention - 1.0648216) < 1e-6)
        #expect(try yarn(["factor": .null]).factor == 4)
    }

    @Test func theModelsOwnOriginalContextWinsOverTheScalings() throws {
        let changes: [String: JSONValue?] = ["original_max_position_embeddings": .integer(16)]
        #expect(try yarn([:], changes).originalContext == 16)
    }

    @Test func dynamicScalingCountsFromTheContext() throws {
        let scaling = rope([
            "rope_type": .string("dynamic"), "factor": .number(2),
            "original_max_position_embeddings": .integer(16),
        ])
        let read = try numbers("llama-yarn", ["rope_scaling": scaling])
        #expect(read.rope.scaling == .dynamic(factor: 2, originalContext: read.contextLength))
    }

    @Test(arguments: ["attn_factor", "extrapolation_factor", "foo", "full_attention"])
    func aMemberOfTheScalingThatNobodyKnowsIsRefused(_ member: String) throws {
        let scaling = rope(["rope_type": .string("default"), member: .number(1.5)])
        #expect(try refusal("llama", ["rope_scaling": scaling]).contains(member))
        #expect(
            try refusal("qwen3", ["rope_scaling": .null, "rope_parameters": scaling])
                .contains(member))
    }

    @Test func onlyPhi3CallsItsLongRopeYarn() throws {
        let original = try FamilyFixture("phi3").open()
        var scaling = try #require(original.config?["rope_scaling"]?.object)
        scaling["rope_type"] = nil
        scaling["type"] = .string("yarn")
        #expect(
            try numbers("phi3", ["rope_scaling": .object(scaling)])
                == original.hyperparameters())
        let linear = rope(["rope_type": .string("linear"), "factor": .number(2)])
        #expect(throws: CheckpointError.self) {
            try TemporaryFolder.with {
                try FamilyFixture("phi3", in: $0, config: ["rope_scaling": linear]).open()
                    .hyperparameters()
            }
        }
    }

    @Test func gemma3MergesTheOlderScalingIntoTheNewerOne() throws {
        let kinds = rope([
            "full_attention": rope(["rope_type": .string("default"), "rope_theta": .number(777)]),
            "sliding_attention": rope(["rope_theta": .number(333)]),
        ])
        let older = rope(["rope_type": .string("linear"), "factor": .number(2)])
        let read = try numbers("gemma3", ["rope_parameters": kinds, "rope_scaling": older])
        #expect(read.rope.base == 777 && read.rope.scaling == .linear(factor: 2))
        #expect(read.rope(ofBlock: 0)?.base == 333)
    }

    @Test func gemma3DoesNotKnowTheOlderSpellingOfTheKind() throws {
        let older = rope(["type": .string("linear"), "factor": .number(2)])
        let changes: [String: JSONValue?] = ["rope_parameters": .null, "rope_scaling": older]
        #expect(try refusal("gemma3", changes).contains("'type'"))
    }
}

extension TemporaryFolder {
    /// Work in a folder of its own.
    fileprivate static func with<Result>(
        _ body: (TemporaryFolder) throws -> Result
    ) throws -> Result {
        try body(TemporaryFolder())
    }
}
