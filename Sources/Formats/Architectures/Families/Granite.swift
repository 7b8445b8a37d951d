extension Architecture {
    /// Granite 3: Llama with multipliers of embeddings, attention, sub-layers' outputs and logits.
    package static let granite = Architecture(
        name: "granite", huggingFaceModelType: "granite", huggingFaceClass: "GraniteForCausalLM",
        weights: llamaWeights(attentionBias: .flag("attention_bias"), bias: .flag("mlp_bias")),
        residualPath: .scaled,
        config: ConfigFormat().sized(
            vocabulary: 32_000, width: 4096, feedForward: 11_008, blocks: 32, heads: 32,
            context: 2048),
        metadata: MetadataFormat(order: llamaMetadata.order + ["attention.scale"]),
        numbers: ModelNumber.multipliers,
        // Granite 4 can do without rotation.
        metadataOnly: [
            ("rope.scaling.finetuned", .yes), ("deepstack_mapping", .only([.integer(-1)])),
        ], tokenizer: TokenizerLayout(isLlama: true, preTokenizerNames: ["refact", "dbrx"]),
        scalesFeedForward: true)
}
