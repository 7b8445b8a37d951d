extension Architecture {
    /// Qwen3-Next: Qwen 3.5's blocks with experts, a gated delta net's projections in two matrices, head of keys by head. Heads
    /// of values lie by their keys in GGUF files too, where the first of the two matrices is taken apart.
    package static let qwen3Next = Architecture(
        name: "qwen3next", huggingFaceModelType: "qwen3_next",
        huggingFaceClass: "Qwen3NextForCausalLM",
        weights: ModelNames().model(
            blocks: qwen35Attention + qwen3NextNets
                + BlockNames(holders: .mixtures).experts(
                    "mlp", gate: "gate_proj", up: "up_proj", down: "down_proj")
                + BlockNames(holders: .mixtures).sharedExpert(
                    "mlp.shared_expert", router: "mlp.shared_expert_gate")
                + BlockNames(holders: .dense).gatedFeedForward() + qwen35Norms, norm: .plusOne),
        config: qwen3NextConfig,
        metadata: MetadataFormat(
            order: MetadataFormat.standard + [
                "expert_feed_forward_length", "expert_shared_feed_forward_length",
                "nextn_predict_layers", "ssm.conv_kernel", "ssm.state_size", "ssm.group_count",
                "ssm.time_step_rank", "ssm.inner_size", "attention.recurrent_layers",
                "full_attention_interval", "rope.dimension_count",
            ]),
        numbers: [
            .blocksBesidePredictors(qwen3NextConfig), .qwenDeltaNet,
            .experts(
                count: ["num_experts", "num_local_experts"], size: "moe_intermediate_size",
                shares: "norm_topk_prob", shared: "shared_expert_intermediate_size"),
            .denseBlocks(listed: "mlp_only_layers", step: "decoder_sparse_step"),
        ], tokenizer: TokenizerLayout(preTokenizerNames: ["qwen2"]), prediction: .qwen(.plusOne))

    private static let qwen3NextConfig = ConfigFormat(
        rotaryShare: "partial_rotary_factor", fillsHeadSize: true, standard: qwenNetStandard
    ).with([
        "num_experts": .integer(512), "num_experts_per_tok": .integer(10),
        "moe_intermediate_size": .integer(512), "shared_expert_intermediate_size": .integer(512),
        "norm_topk_prob": .bool(true),
    ]).sized(
        vocabulary: 151_936, width: 2048, feedForward: 5632, blocks: 48, heads: 16,
        keyValueHeads: 2, context: 32_768)

    private static let qwen3NextNets: [WeightRule] = {
        let net = BlockNames(holders: .mixing(.deltaNet))
        let bare: Set<FileFormat> = [.gguf, .safetensors]
        return [
            net.rule(
                .deltaDecayBias, "linear_attn.dt_bias", "ssm_dt.bias", [.deltaHeads],
                bareNames: bare),
            net.rule(
                .deltaRate, "linear_attn.A_log", "ssm_a", [.deltaHeads], transform: .logarithms,
                bareNames: bare),
            net.rule(
                .deltaTaps, "linear_attn.conv1d", "ssm_conv1d", [.deltaWidth, .deltaTaps],
                transform: .channelwise),
            net.rule(
                .deltaQueryKeyValueGate, "linear_attn.in_proj_qkvz", nil,
                [.deltaGatedWidth, .hidden]),
            net.rule(.deltaQueryKeyValue, nil, "attn_qkv", [.deltaWidth, .hidden]),
            net.rule(.deltaGate, nil, "attn_gate", [.deltaValueWidth, .hidden]),
            net.rule(
                .deltaStrengthDecay, "linear_attn.in_proj_ba", "ssm_ba", [.deltaRates, .hidden]),
            net.rule(.deltaNorm, "linear_attn.norm", "ssm_norm", [.deltaValueSize]),
            net.rule(
                .deltaOutput, "linear_attn.out_proj", "ssm_out", [.hidden, .deltaValueWidth]),
        ]
    }()
}
