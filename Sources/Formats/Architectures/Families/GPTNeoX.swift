extension Architecture {
    /// GPT-NeoX and Pythia: parallel residual, partial rotation, LayerNorm; query, key and value lie head by head in
    /// Hugging Face's matrix.
    ///
    /// transformers computes GELU with the error function, llama.cpp by its tanh approximation.
    package static let gptNeoX = Architecture(
        name: "gptneox", huggingFaceModelType: "gpt_neox", huggingFaceClass: "GPTNeoXForCausalLM",
        norm: .layer, activation: .geluTanh,
        weights: ModelNames(
            embedding: "gpt_neox.embed_in", norm: "gpt_neox.final_layer_norm", head: "embed_out",
            headInGGUF: .always
        ).model(blocks: gptNeoXBlock, norm: .layer),
        config: ConfigFormat(
            keyValueHeadCount: nil, standardActivation: "gelu", ropeBase: "rotary_emb_base",
            rotaryShare: "rotary_pct",
            standard: [
                "rotary_pct": .number(0.25), "use_parallel_residual": .bool(true),
            ]
        ).withLayerNorm().sized(
            vocabulary: 50_432, width: 6144, feedForward: 24_576, blocks: 44, heads: 64,
            context: 2048),
        metadata: MetadataFormat(
            order: [
                MetadataFormat.general, "context_length", "embedding_length", "block_count",
                "feed_forward_length", "rope.dimension_count", "attention.head_count",
                "use_parallel_residual", "attention.layer_norm_epsilon",
            ] + MetadataFormat.ropeScaling + ["rope.freq_base"], omitsUsualRopeBase: true),
        numbers: [.parallelResidual(followsNorm: false)],
        tokenizer: TokenizerLayout(preTokenizerNames: ["olmo"]))

    private static let gptNeoXBlock: [WeightRule] = {
        let block = BlockNames(layers: "gpt_neox.layers")
        let attentionBias = WeightRule.Bias.flag("attention_bias", isDefault: true)
        return block.inputNorms(.layer) + [
            block.rule(
                .attentionQueryKeyValue, "attention.query_key_value", "attn_qkv",
                [.queryKeyValueWidth, .hidden], bias: attentionBias, transform: .headwiseRows),
            block.rule(
                .attentionOutput, "attention.dense", "attn_output", [.hidden, .queryWidth],
                bias: attentionBias),
            block.rule(
                .feedForwardUp, "mlp.dense_h_to_4h", "ffn_up", [.feedForward, .hidden],
                bias: .always),
            block.rule(
                .feedForwardDown, "mlp.dense_4h_to_h", "ffn_down", [.hidden, .feedForward],
                bias: .always),
        ]
    }()
}
