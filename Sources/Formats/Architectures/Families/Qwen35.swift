extension Architecture {
    /// Qwen 3.5, 3.6 and 3.8, dense: gated delta nets in three of four blocks, attention with a gate on its output in the
    /// others, a quarter of each head rotated, norms around 1.
    package static let qwen35 = Architecture(
        name: "qwen35", huggingFaceModelType: "qwen3_5_text",
        huggingFaceClass: "Qwen3_5ForCausalLM",
        weights: ModelNames().model(
            blocks: qwen35Mixers + BlockNames().gatedFeedForward() + qwen35Norms, norm: .plusOne),
        config: qwen35Config, metadata: qwen35Metadata,
        numbers: [
            .blocksBesidePredictors(qwen35Config), .qwenDeltaNet,
            .ropeSections(qwen35Config, standard: [11, 11, 10]),
        ], tokenizer: TokenizerLayout(preTokenizerNames: ["qwen35"]), prediction: .qwen(.plusOne))

    /// Qwen 3.5 and 3.6 with a mixture of experts, and a shared one whose output is gated, in place of every feed-forward part.
    package static let qwen35Mixture = Architecture(
        name: "qwen35moe", huggingFaceModelType: "qwen3_5_moe_text",
        huggingFaceClass: "Qwen3_5MoeForCausalLM",
        weights: ModelNames().model(
            blocks: qwen35Mixers
                + BlockNames().experts("mlp", gate: "gate_proj", up: "up_proj", down: "down_proj")
                + BlockNames().sharedExpert(
                    "mlp.shared_expert", router: "mlp.shared_expert_gate") + qwen35Norms,
            norm: .plusOne),
        config: qwen35MixtureConfig, metadata: qwen35MixtureMetadata,
        numbers: [
            .blocksBesidePredictors(qwen35MixtureConfig),
            .unusedFeedForwardSize(qwen35MixtureConfig), .qwenDeltaNet,
            .ropeSections(qwen35MixtureConfig, standard: [11, 11, 10]),
            .experts(
                count: ["num_experts", "num_local_experts"], size: "moe_intermediate_size",
                shares: nil, shared: "shared_expert_intermediate_size"),
        ], tokenizer: TokenizerLayout(preTokenizerNames: ["qwen35"]), prediction: .qwen(.plusOne))

    private static let qwen35Config = qwen35Format.sized(
        vocabulary: 248_320, width: 4096, feedForward: 12_288, blocks: 32, heads: 16,
        keyValueHeads: 4, context: 32_768)

    private static let qwen35MixtureConfig = qwen35Format.with([
        "num_experts": .integer(256), "num_experts_per_tok": .integer(8),
        "moe_intermediate_size": .integer(512), "shared_expert_intermediate_size": .integer(512),
    ]).sized(
        vocabulary: 248_320, width: 2048, feedForward: nil, blocks: 40, heads: 16,
        keyValueHeads: 2, context: 32_768)

    private static let qwen35Format = ConfigFormat(
        rotaryShare: "partial_rotary_factor", fillsHeadSize: true,
        standard: qwenNetStandard, only: [("attn_output_gate", .bool(true))],
        implied: ["mamba_ssm_dtype", "mtp_use_dedicated_embeddings"])

    /// What the configurations of all Qwens with gated delta nets take where a file does not say.
    static let qwenNetStandard: [String: JSONValue] = [
        "head_dim": .integer(256), "partial_rotary_factor": .number(0.25),
        "linear_conv_kernel_dim": .integer(4),
        "linear_key_head_dim": .integer(128), "linear_value_head_dim": .integer(128),
        "linear_num_key_heads": .integer(16), "linear_num_value_heads": .integer(32),
    ]

    private static let qwen35Metadata = qwen35Metadata(of: [])

    private static let qwen35MixtureMetadata = qwen35Metadata(of: [
        "expert_feed_forward_length", "expert_shared_feed_forward_length",
    ])

    private static func qwen35Metadata(of experts: [String]) -> MetadataFormat {
        MetadataFormat(
            order: MetadataFormat.standard.flatMap { key in
                key == "rope.freq_base" ? ["rope.dimension_sections", key] : [key]
            } + experts + [
                "nextn_predict_layers", "ssm.conv_kernel", "ssm.state_size", "ssm.group_count",
                "ssm.time_step_rank", "ssm.inner_size", "attention.recurrent_layers",
                "full_attention_interval",
                "rope.dimension_count",
            ])
    }

    static let qwen35Norms = [
        BlockNames().norm(.attentionNorm, "input_layernorm", "attn_norm", .plusOne),
        BlockNames().norm(
            .feedForwardNorm, "post_attention_layernorm", "post_attention_norm", .plusOne),
    ]

    /// llama.cpp loads biases of query, key and value, and none of what puts out.
    static let qwen35Attention = {
        let attention = BlockNames(holders: .mixing(.attention))
        let bias = WeightRule.Bias.flag("attention_bias")
        return [
            attention.rule(
                .attentionQueryGate, "self_attn.q_proj", "attn_q", [.queryGateWidth, .hidden],
                bias: bias),
            attention.rule(
                .attentionKey, "self_attn.k_proj", "attn_k", [.keyValueWidth, .hidden], bias: bias),
            attention.rule(
                .attentionValue, "self_attn.v_proj", "attn_v", [.keyValueWidth, .hidden],
                bias: bias),
            attention.rule(
                .attentionOutput, "self_attn.o_proj", "attn_output", [.hidden, .queryWidth],
                bias: .flag("attention_bias", isInGGUF: false)),
        ] + attention.queryKeyNorms(ofHeads: true, .plusOne)
    }()

    private static let qwen35Mixers = {
        let net = BlockNames(holders: .mixing(.deltaNet))
        let bare: Set<FileFormat> = [.gguf, .safetensors]
        return qwen35Attention + [
            net.rule(
                .deltaDecayBias, "linear_attn.dt_bias", "ssm_dt.bias", [.deltaHeads],
                transform: .valueHeads(.singleRows), bareNames: bare),
            net.rule(
                .deltaRate, "linear_attn.A_log", "ssm_a", [.deltaHeads],
                transform: .valueHeads(.logarithms), bareNames: bare),
            net.rule(
                .deltaTaps, "linear_attn.conv1d", "ssm_conv1d", [.deltaWidth, .deltaTaps],
                transform: .valueHeads(.lastChannels)),
            net.rule(
                .deltaNorm, "linear_attn.norm", "ssm_norm", [.deltaValueSize]),
            net.rule(
                .deltaOutput, "linear_attn.out_proj", "ssm_out", [.hidden, .deltaValueWidth],
                transform: .valueHeads(.columns)),
            net.rule(
                .deltaQueryKeyValue, "linear_attn.in_proj_qkv", "attn_qkv", [.deltaWidth, .hidden],
                transform: .valueHeads(.lastRows)),
            net.rule(
                .deltaGate, "linear_attn.in_proj_z", "attn_gate", [.deltaValueWidth, .hidden],
                transform: .valueHeads(.rows)),
            net.rule(
                .deltaStrength, "linear_attn.in_proj_b", "ssm_beta", [.deltaHeads, .hidden],
                transform: .valueHeads(.singleRows)),
            net.rule(
                .deltaDecay, "linear_attn.in_proj_a", "ssm_alpha", [.deltaHeads, .hidden],
                transform: .valueHeads(.singleRows)),
        ]
    }()
}
