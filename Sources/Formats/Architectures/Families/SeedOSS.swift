extension Architecture {
    /// Seed-OSS: Llama with biases of queries, keys and values and heads of any width.
    ///
    /// llama.cpp names the norm before the feed-forward part after attention, as transformers does.
    package static let seedOSS = Architecture(
        name: "seed_oss", huggingFaceModelType: "seed_oss", huggingFaceClass: "SeedOssForCausalLM",
        weights: ModelNames().model(
            blocks: BlockNames().attention(
                bias: .flag("attention_bias", isDefault: true),
                outputBias: .flag("attention_out_bias", isInGGUF: false))
                + BlockNames().gatedFeedForward(bias: .flag("mlp_bias", isInGGUF: false)) + [
                    BlockNames().norm(.attentionNorm, "input_layernorm", "attn_norm"),
                    BlockNames().norm(
                        .feedForwardNorm, "post_attention_layernorm", "post_attention_norm"),
                ]),
        config: ConfigFormat(
            fillsHeadSize: true,
            standard: ["num_key_value_heads": .integer(8), "head_dim": .integer(128)]
        ).sized(
            vocabulary: 155_136, width: 4096, feedForward: 27_648, blocks: 64, heads: 80,
            context: 524_288),
        tokenizer: TokenizerLayout(preTokenizerNames: ["seed-coder"]))
}
