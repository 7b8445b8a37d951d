extension Architecture {
    /// SmolLM 3: Llama with every fourth block left without rotation.
    package static let smolLM3 = Architecture(
        name: "smollm3", huggingFaceModelType: "smollm3", huggingFaceClass: "SmolLM3ForCausalLM",
        weights: ModelNames().model(
            blocks: BlockNames().attention(
                bias: .flag("attention_bias"),
                outputBias: .flag("attention_bias", isInGGUF: false), permutes: true)
                + BlockNames().gatedFeedForward(bias: .flag("mlp_bias", isInGGUF: false))
                + BlockNames().inputNorms()),
        config: ConfigFormat(
            standard: [
                "num_key_value_heads": .integer(4), "rope_theta": .number(2e6),
                "tie_word_embeddings": .bool(true),
            ]
        ).sized(
            vocabulary: 128_256, width: 2048, feedForward: 11_008, blocks: 36, heads: 16,
            context: 32_768),
        metadata: llamaMetadata, numbers: [.unrotated(every: 4)], tokenizer: .llama)
}
