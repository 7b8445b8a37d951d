import Foundation
import TestSupport
import Testing

@testable import Formats

/// Folders whose configuration asks for what rtedit does not know, or contradicts the tensors.
@Suite struct FamilyRefusalTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func refusal(
        _ family: String, _ changes: [String: JSONValue?]
    ) throws -> any Failure {
        let fixture = try FamilyFixture(family, in: folder, config: changes)
        let failure = #expect(throws: (any Error).self) {
            try fixture.open().hyperparameters()
        }
        let refusal = try #require(failure as? any Failure)
        #expect(!refusal.description.contains("\n"))
        return refusal
    }

    @Test(arguments: [
        ("stablelm", "qk_layernorm", JSONValue.bool(true)),
        ("qwen3_moe", "decoder_sparse_step", .integer(2)),
        ("qwen3_moe", "mlp_only_layers", .array([.integer(0)])),
        ("gpt2", "scale_attn_by_inverse_layer_idx", .bool(true)),
        ("gemma3", "use_bidirectional_attention", .bool(true)),
        ("llama", "hidden_act", .string("relu")),
        ("gemma2", "layer_types", .array([.string("chunked_attention")])),
        ("olmo2", "partial_rotary_factor", .number(0.5)),
        ("smollm3", "use_sliding_window", .bool(true)),
        ("granite4", "num_local_experts", .integer(4)),
        ("granite4", "layer_types", .array([.string("attention"), .string("mamba")])),
        ("lfm2", "layer_types", .array(["conv", "mamba", "conv", "conv"].map { .string($0) })),
        ("lfm2", "layer_types", .array([.string("conv")])),
        ("lfm2", "full_attn_idxs", .string("1")),
    ])
    func featuresThatNoDescriptionCoversAreNamed(
        family: String, key: String, value: JSONValue
    ) throws {
        let failure = try refusal(family, [key: value, "rope_scaling": .null])
        #expect(failure.description.contains(key))
    }

    @Test(arguments: [
        ("gemma", "head_dim", JSONValue.integer(12)), ("qwen2", "hidden_size", .integer(40)),
        ("qwen3_moe", "moe_intermediate_size", .integer(9)), ("gpt2", "n_inner", .integer(77)),
        ("phi3", "num_key_value_heads", .integer(3)), ("gpt2", "n_positions", .integer(7)),
        ("lfm2", "conv_L_cache", .integer(5)), ("lfm2", "block_multiple_of", .integer(16)),
        ("lfm2", "block_auto_adjust_ff_dim", .bool(false)),
    ])
    func sizesThatContradictTheTensorsAreRefused(
        family: String, key: String, value: JSONValue
    ) throws {
        let failure = try refusal(family, [key: value, "rope_scaling": .null])
        guard case .wrongShape(_, _, let found, let expected)? = failure as? CheckpointError else {
            Issue.record("\(failure)")
            return
        }
        #expect(found != expected)
    }

    @Test(arguments: [Float(0), 0.5, .nan])
    func ratesThatDoNotFadeAreRefused(rate: Float) throws {
        let original = try Checkpoint.open(Families.folder("qwen3_5"))
        let role = WeightRole.block(0, .deltaRate)
        let model = try folder.write(original, as: "model.gguf")
        var values = try #require(model.tensor(role)).values()
        values[1] = rate
        let edit = CheckpointEdit.set(role, .values(values, .canonical), type: nil)
        let failure = #expect(throws: CheckpointError.self) {
            try folder.write(model, [edit], as: "bad.gguf").hyperparameters()
        }
        #expect("\(failure.map { "\($0)" } ?? "")".contains("blk.0.ssm_a"))
    }

    @Test(
        arguments: [
            ("llama", "attention_bias"), ("seed_oss", "mlp_bias"), ("lfm2", "conv_bias"),
            ("gpt_oss", "attention_bias"),
        ], [JSONValue.integer(1), .string("false"), .number(0.5)])
    func flagsOfBiasesThatAreNoBooleansAreRefused(
        of: (family: String, flag: String), value: JSONValue
    ) throws {
        let failure = try refusal(of.family, [of.flag: value])
        guard case .wrongValue(_, let key, _)? = failure as? CheckpointError else {
            Issue.record("\(failure)")
            return
        }
        #expect(key == of.flag)
    }

    @Test func fewerExpertsThanTensorsAreRefusedWithBothNumbers() throws {
        let failure = try refusal("mixtral", ["num_local_experts": .integer(2)])
        #expect(failure.description.contains("2 experts"))
    }

    @Test func moreExpertsThanTensorsAreRefused() throws {
        let failure = try refusal("mixtral", ["num_local_experts": .integer(64)])
        #expect(failure.description.contains("experts."))
    }

    @Test func aBiasTheConfigurationDoesNotAnnounceIsRefused() throws {
        let failure = try refusal("starcoder2", ["use_bias": .bool(false)])
        #expect(failure.description.contains("use_bias"))
    }

    @Test func aNormThatAParallelStableLMDoesNotUseIsRefused() throws {
        let failure = try refusal("stablelm", ["use_parallel_residual": .bool(true)])
        #expect(failure.description.contains("post_attention_layernorm"))
    }

    @Test func aFamilyThatIsNotKnownIsAnsweredWithAllThatAre() throws {
        let failure = try refusal("llama", ["model_type": .string("mamba")])
        for architecture in Architecture.all {
            #expect(failure.description.contains(architecture.huggingFaceModelType))
        }
    }

    @Test(arguments: [
        ("qwen2", "head_dim", JSONValue.integer(Int.max)),
        ("gpt_neox", "rotary_pct", .number(1e300)),
        ("gpt2", "n_embd", .integer(Int.max)), ("phi3", "sliding_window", .integer(-3)),
        ("granite", "logits_scaling", .integer(0)), ("mixtral", "num_local_experts", .integer(-1)),
        ("gemma2", "query_pre_attn_scalar", .integer(0)),
        ("gemma3", "sliding_window_pattern", .integer(Int.min)),
        ("qwen2", "max_position_embeddings", .integer(Int.max)),
        ("lfm2", "conv_L_cache", .integer(0)), ("lfm2", "conv_L_cache", .integer(Int.max)),
        ("lfm2", "block_multiple_of", .integer(0)), ("lfm2", "block_ff_dim", .integer(-5)),
        ("lfm2", "block_ffn_dim_multiplier", .number(1e300)),
        ("lfm2", "block_ffn_dim_multiplier", .number(-1)),
        ("lfm2", "full_attn_idxs", .array([])), ("lfm2", "num_hidden_layers", .integer(1 << 24)),
    ])
    func hostileNumbersAreRefusedNotTrapped(
        family: String, key: String, value: JSONValue
    ) throws {
        _ = try refusal(family, [key: value, "layer_types": nil])
    }
}
