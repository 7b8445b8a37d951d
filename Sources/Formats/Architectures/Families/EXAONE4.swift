extension Architecture {
    /// EXAONE 4: norms of what a sub-layer adds to the stream in place of those before it, norms of each head's queries and
    /// keys; in its larger model a window in three of four blocks, which alone are rotated.
    package static let exaone4 = Architecture(
        name: "exaone4", huggingFaceModelType: "exaone4", huggingFaceClass: "Exaone4ForCausalLM",
        weights: ModelNames().model(
            blocks: BlockNames().attention(bias: .onlyInGGUF)
                + BlockNames().queryKeyNorms(ofHeads: true) + BlockNames().gatedFeedForward() + [
                    BlockNames().norm(
                        .attentionPostNorm, "post_attention_layernorm", "post_attention_norm"),
                    BlockNames().norm(
                        .feedForwardPostNorm, "post_feedforward_layernorm", "post_ffw_norm"),
                ], divisors: ModelNames.llama3Divisors),
        residualPath: .normed,
        config: ConfigFormat(
            standard: [
                "rms_norm_eps": .number(1e-5), "num_key_value_heads": .integer(32),
                "sliding_window": .integer(4096),
            ]
        ).sized(
            vocabulary: 102_400, width: 4096, feedForward: 16_384, blocks: 32, heads: 32,
            context: 2048),
        metadata: MetadataFormat(order: MetadataFormat.standard + ["vocab_size"]),
        numbers: [
            .window(
                WindowKeys(
                    fullEvery: 4, interval: "sliding_window_pattern", hasLayerTypes: true,
                    rotatesOnlyWindows: true, runtime: .atBlocks(64, standard: 4096)))
        ], tokenizer: TokenizerLayout(preTokenizerNames: ["exaone4"]))
}
