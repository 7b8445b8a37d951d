extension Architecture {
    /// Phi-3 and Phi-4: query, key and value in one matrix, gate and up in one, long rope, partial rotation.
    package static let phi3 = Architecture(
        name: "phi3", huggingFaceModelType: "phi3", huggingFaceClass: "Phi3ForCausalLM",
        weights: ModelNames().model(
            blocks: phi3Block,
            divisors: [
                (.ropeFactorsLong, "rope_factors_long"), (.ropeFactorsShort, "rope_factors_short"),
            ]),
        config: ConfigFormat(
            rotaryShare: "partial_rotary_factor",
            // Older files call the long rope so.
            ropeKinds: [
                "default": "default", "longrope": "longrope", "su": "longrope",
                "yarn": "longrope",
            ],
            standard: [
                "rms_norm_eps": .number(1e-5), "original_max_position_embeddings": .integer(4096),
            ]
        ).sized(
            vocabulary: 32_064, width: 3072, feedForward: 8192, blocks: 32, heads: 32,
            context: 4096),
        metadata: MetadataFormat(order: [
            "rope.scaling.attn_factor", MetadataFormat.general, "context_length",
            "rope.scaling.original_context_length", "embedding_length", "feed_forward_length",
            "block_count", "attention.head_count", "attention.head_count_kv",
            "attention.layer_norm_rms_epsilon", "rope.dimension_count", "rope.freq_base",
            MetadataFormat.fileType, "attention.sliding_window",
        ]), numbers: [.longRopeContext, .window(WindowKeys(runtime: .unused))],
        tokenizer: TokenizerLayout(readsAddedTokens: true), headGrowth: [.gguf: .refused],
        valueBiasFormats: [.gguf])

    private static let phi3Block =
        [
            BlockNames().rule(
                .attentionOutput, "self_attn.o_proj", "attn_output", [.hidden, .queryWidth]),
            BlockNames().rule(
                .attentionQueryKeyValue, "self_attn.qkv_proj", "attn_qkv",
                [.queryKeyValueWidth, .hidden], bias: .onlyInGGUF),
            BlockNames().rule(
                .feedForwardGateUp, "mlp.gate_up_proj", "ffn_up", [.gateUpWidth, .hidden]),
            BlockNames().rule(
                .feedForwardDown, "mlp.down_proj", "ffn_down", [.hidden, .feedForward]),
        ] + BlockNames().inputNorms()
}
