extension Architecture {
    /// OLMo 2: norms of what a sub-layer adds to the stream in place of those before it, and norms of all heads'
    /// queries and keys together.
    package static let olmo2 = Architecture(
        name: "olmo2", huggingFaceModelType: "olmo2", huggingFaceClass: "Olmo2ForCausalLM",
        weights: olmoWeights, residualPath: .normed,
        config: ConfigFormat(standard: ["rms_norm_eps": .number(1e-5)]).sized(
            vocabulary: 50_304, width: 4096, feedForward: 11_008, blocks: 32, heads: 32,
            context: 2048),
        metadataOnly: [(WindowKeys.sizeKey, .absent)], tokenizer: olmoTokenizer)

    /// OLMo 3: OLMo 2 with a window in three of four blocks, whose frequencies are not scaled.
    ///
    /// llama.cpp calls it `olmo2` too: a file of that name with a window is an OLMo 3.
    package static let olmo3 = Architecture(
        name: "olmo2", huggingFaceModelType: "olmo3", huggingFaceClass: "Olmo3ForCausalLM",
        weights: olmoWeights, residualPath: .normed, config: olmo3Config,
        numbers: [
            .window(
                WindowKeys(
                    fullEvery: 4, hasLayerTypes: true,
                    rope: .unscaled(olmo3Config, standard: 500_000), runtime: .listed))
        ], tokenizer: olmoTokenizer,
        mark: { keys in keys.isAbove0(WindowKeys.sizeKey) })

    private static let olmo3Config = ConfigFormat(
        sortsRopeByAttention: true,
        standard: [
            "rms_norm_eps": .number(1e-5), "sliding_window": .integer(4096),
            "rope_theta": .number(500_000),
        ]
    ).sized(
        vocabulary: 50_304, width: 4096, feedForward: 11_008, blocks: 32, heads: 32, context: 2048)

    private static let olmoTokenizer = TokenizerLayout(preTokenizerNames: ["dbrx"])

    private static let olmoWeights = ModelNames(headInGGUF: .always).model(
        blocks: BlockNames().attention(
            bias: .flag("attention_bias"), outputBias: .flag("attention_bias", isInGGUF: false))
            + BlockNames().queryKeyNorms(ofHeads: false) + BlockNames().gatedFeedForward() + [
                BlockNames().norm(
                    .attentionPostNorm, "post_attention_layernorm", "post_attention_norm"),
                BlockNames().norm(
                    .feedForwardPostNorm, "post_feedforward_layernorm", "post_ffw_norm"),
            ])
}
