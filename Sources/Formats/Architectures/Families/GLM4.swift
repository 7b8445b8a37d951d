extension Architecture {
    /// GLM-4 of 2025 (0414): norms before and after each sub-layer, gate and up in one matrix, half of each head rotated,
    /// neighbouring dimensions together.
    package static let glm4 = Architecture(
        name: "glm4", huggingFaceModelType: "glm4", huggingFaceClass: "Glm4ForCausalLM",
        pairsNeighbours: true,
        weights: ModelNames().model(
            blocks: BlockNames().attention(bias: .flag("attention_bias", isDefault: true)) + [
                BlockNames().rule(
                    .feedForwardGateUp, "mlp.gate_up_proj", "ffn_up", [.gateUpWidth, .hidden]),
                BlockNames().rule(
                    .feedForwardDown, "mlp.down_proj", "ffn_down", [.hidden, .feedForward]),
                BlockNames().norm(.attentionNorm, "input_layernorm", "attn_norm"),
                BlockNames().norm(.feedForwardNorm, "post_attention_layernorm", "ffn_norm"),
                BlockNames().norm(
                    .attentionPostNorm, "post_self_attn_layernorm", "post_attention_norm"),
                BlockNames().norm(.feedForwardPostNorm, "post_mlp_layernorm", "post_ffw_norm"),
            ]),
        residualPath: .normed,
        config: ConfigFormat(
            rotaryShare: "partial_rotary_factor", fillsHeadSize: true,
            standard: [
                "num_key_value_heads": .integer(2), "head_dim": .integer(128),
                "rms_norm_eps": .number(1.5625e-7), "partial_rotary_factor": .number(0.5),
            ]
        ).sized(
            vocabulary: 151_552, width: 4096, feedForward: 13_696, blocks: 40, heads: 32,
            context: 131_072),
        metadata: MetadataFormat(order: MetadataFormat.standard + ["rope.dimension_count"]),
        tokenizer: TokenizerLayout(
            preTokenizerNames: ["glm4"],
            roles: [
                ("eos", "<|endoftext|>"), ("eot", "<|user|>"), ("unk", "<|endoftext|>"),
                ("bos", "<|endoftext|>"),
            ]))
}
