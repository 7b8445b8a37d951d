extension Architecture {
    /// Gemma 1: norms whose weights are added to 1, scaled embeddings, a GELU gate, heads of any width, a tied head.
    package static let gemma = Architecture(
        name: "gemma", huggingFaceModelType: "gemma", huggingFaceClass: "GemmaForCausalLM",
        activation: .geluTanh,
        weights: ModelNames(headInGGUF: .never).model(
            blocks: gemmaAttention + BlockNames().gatedFeedForward()
                + BlockNames().inputNorms(.plusOne), norm: .plusOne),
        config: gemmaConfig(renamed: ["gelu": .geluTanh]).sized(
            vocabulary: 256_000, width: 3072, feedForward: 24_576, blocks: 28, heads: 16,
            keyValueHeads: 16, context: 8192),
        metadata: gemmaMetadata, numbers: [.embeddingScaleByWidth],
        // The converter gives every Gemma of the first generation what it knows of CodeGemma.
        tokenizer: TokenizerLayout(startsWithoutSpace: true, endOfTurn: 107),
        headGrowth: [.gguf: .loaded])

    /// Gemma 2: norms of what a sub-layer adds to the stream, soft caps, a window in every other block.
    package static let gemma2 = Architecture(
        name: "gemma2", huggingFaceModelType: "gemma2", huggingFaceClass: "Gemma2ForCausalLM",
        activation: .geluTanh,
        weights: ModelNames(headInGGUF: .never).model(
            blocks: gemmaAttention + BlockNames().gatedFeedForward() + gemmaNorms, norm: .plusOne),
        residualPath: .normed,
        config: gemmaConfig(
            activation: "hidden_activation",
            [
                "query_pre_attn_scalar": .integer(256), "sliding_window": .integer(4096),
                "attn_logit_softcapping": .number(50), "final_logit_softcapping": .number(30),
            ]
        ).sized(
            vocabulary: 256_000, width: 2304, feedForward: 9216, blocks: 26, heads: 8,
            keyValueHeads: 4, context: 8192),
        metadata: gemmaMetadata,
        numbers: [
            .embeddingScaleByWidth, .queryScale(largeBlocks: 46), .scoreCap(standard: 50),
            .logitCap(standard: 30),
            .window(
                WindowKeys(
                    fullEvery: 2, hasLayerTypes: true, runtime: .always(standard: 4096))),
        ], tokenizer: gemmaTokenizer)

    /// Gemma 3, the text model: norms of queries and keys in place of the soft caps, a window and a rotary base of its
    /// own in five of six blocks.
    package static let gemma3 = Architecture(
        name: "gemma3", huggingFaceModelType: "gemma3_text",
        huggingFaceClass: "Gemma3ForCausalLM", activation: .geluTanh,
        weights: ModelNames().model(
            blocks: gemmaAttention + BlockNames().queryKeyNorms(ofHeads: true, .plusOne)
                + BlockNames().gatedFeedForward() + gemmaNorms, norm: .plusOne),
        residualPath: .normed,
        config: gemma3Config,
        numbers: [
            .embeddingScaleByWidth, .queryScale(largeBlocks: 62), .scoreCap(standard: nil),
            .logitCap(standard: nil),
            .window(
                WindowKeys(
                    fullEvery: 6, interval: "sliding_window_pattern", hasLayerTypes: true,
                    rope: .own(gemma3Config, standard: 10_000), runtime: .optional)),
        ], tokenizer: gemmaTokenizer, cutsEmbedding: true)

    private static let gemma3Config = {
        var config = gemmaConfig(
            activation: "hidden_activation",
            [
                "query_pre_attn_scalar": .integer(256), "sliding_window": .integer(4096),
                "rope_theta": .number(1e6),
            ]
        ).sized(
            vocabulary: 262_208, width: 2304, feedForward: 9216, blocks: 26, heads: 8,
            keyValueHeads: 4, context: 131_072)
        config.sortsRopeByAttention = true
        // transformers keeps the cap of scores and never applies it.
        config.only.append(("attn_logit_softcapping", .null))
        return config
    }()

    private static let gemmaTokenizer = TokenizerLayout(startsWithoutSpace: true)

    /// llama.cpp loads no bias of the output projection.
    private static let gemmaAttention = BlockNames().attention(
        bias: .flag("attention_bias"), outputBias: .flag("attention_bias", isInGGUF: false))

    private static let gemmaNorms = [
        BlockNames().norm(.attentionNorm, "input_layernorm", "attn_norm", .plusOne),
        BlockNames().norm(
            .attentionPostNorm, "post_attention_layernorm", "post_attention_norm", .plusOne),
        BlockNames().norm(.feedForwardNorm, "pre_feedforward_layernorm", "ffn_norm", .plusOne),
        BlockNames().norm(
            .feedForwardPostNorm, "post_feedforward_layernorm", "post_ffw_norm", .plusOne),
    ]

    private static func gemmaConfig(
        activation: String = "hidden_act",
        renamed: [String: Activation] = [:], _ more: [String: JSONValue] = [:]
    ) -> ConfigFormat {
        let common: [String: JSONValue] = [
            "head_dim": .integer(256), "tie_word_embeddings": .bool(true),
        ]
        return ConfigFormat(
            activation: activation, standardActivation: "gelu_pytorch_tanh", fillsHeadSize: true,
            standard: common.merging(more) { $1 },
            only: [("use_bidirectional_attention", .bool(false))], renamedActivations: renamed)
    }

    private static let gemmaMetadata = MetadataFormat(
        order: [
            MetadataFormat.general, "context_length", "embedding_length", "block_count",
            "feed_forward_length", "attention.head_count", "attention.head_count_kv",
            "attention.layer_norm_rms_epsilon",
        ] + MetadataFormat.headSize + [MetadataFormat.fileType] + MetadataFormat.ropeScaling
            + ["rope.freq_base"], omitsUsualRopeBase: true)
}
