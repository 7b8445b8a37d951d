extension Architecture {
    /// OLMo 2: norms of what a sub-layer adds to the stream in place of those before it, and norms of all heads'
    /// queries and keys together.
    package static let olmo2 = Architecture(
        name: "olmo2", huggingFaceModelType: "olmo2", huggingFaceClass: "Olmo2ForCausalLM",
        weights: ModelNames(headInGGUF: .always).model(
            blocks: BlockNames().attention(
                bias: .flag("attention_bias"),
                outputBias: .flag("attention_bias", isInGGUF: false))
                + BlockNames().queryKeyNorms(ofHeads: false) + BlockNames().gatedFeedForward() + [
                    BlockNames().norm(
                        .attentionPostNorm, "post_attention_layernorm", "post_attention_norm"),
                    BlockNames().norm(
                        .feedForwardPostNorm, "post_feedforward_layernorm", "post_ffw_norm"),
                ]),
        residualPath: .normed,
        config: ConfigFormat(standard: ["rms_norm_eps": .number(1e-5)]).sized(
            vocabulary: 50_304, width: 4096, feedForward: 11_008, blocks: 32, heads: 32,
            context: 2048),
        // OLMo 3 goes by the same name and has a window in most blocks.
        metadataOnly: [("attention.sliding_window", .absent)],
        tokenizer: TokenizerLayout(preTokenizerNames: ["dbrx"]))
}
