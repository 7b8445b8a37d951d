extension Architecture {
    /// StableLM 2: Llama with LayerNorm, partial rotation, and in its largest model a parallel residual.
    package static let stableLM = Architecture(
        name: "stablelm", huggingFaceModelType: "stablelm",
        huggingFaceClass: "StableLmForCausalLM", norm: .layer,
        weights: ModelNames(headInGGUF: .always).model(
            blocks: BlockNames().attention(bias: .flag("use_qkv_bias"))
                + BlockNames().gatedFeedForward()
                + BlockNames().inputNorms(.layer, second: .unlessParallel), norm: .layer),
        config: ConfigFormat(
            rotaryShare: "partial_rotary_factor",
            standard: ["partial_rotary_factor": .number(0.25)],
            only: [("qk_layernorm", .bool(false))]
        ).withLayerNorm().sized(
            vocabulary: 50_304, width: 2560, feedForward: 6912, blocks: 32, heads: 32,
            keyValueHeads: 32, context: 4096),
        metadata: MetadataFormat(
            order: [
                MetadataFormat.general, "context_length", "embedding_length", "block_count",
                "feed_forward_length", "rope.dimension_count", "attention.head_count",
                "attention.head_count_kv", "use_parallel_residual", "attention.layer_norm_epsilon",
                MetadataFormat.fileType,
            ] + MetadataFormat.ropeScaling + ["rope.freq_base"], omitsUsualRopeBase: true),
        numbers: [.parallelResidual(followsNorm: true)],
        tokenizer: TokenizerLayout(preTokenizerNames: ["stablelm2", "olmo"]),
        // transformers takes a head's width from the width and the number of heads.
        headGrowth: [.gguf: .refused, .safetensors: .refused],
        valueBiasFormats: [.gguf, .safetensors])
}
