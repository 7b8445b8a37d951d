extension Architecture {
    /// Llama 1 to 3, TinyLlama, SmolLM, Yi and every other model that transformers opens as `LlamaForCausalLM`.
    ///
    /// RMSNorm before attention and before a SwiGLU feed-forward part, grouped-query attention with rotary
    /// positions. llama.cpp permutes the rows of query and key, weights and biases alike.
    package static let llama = Architecture(
        name: "llama", huggingFaceModelType: "llama", huggingFaceClass: "LlamaForCausalLM",
        weights: llamaWeights(attentionBias: .flag("attention_bias"), bias: .flag("mlp_bias")),
        config: ConfigFormat(fillsHeadSize: true).sized(
            vocabulary: 32_000, width: 4096, feedForward: 11_008, blocks: 32, heads: 32,
            context: 2048), metadata: llamaMetadata,
        tokenizer: .llama, scalesFeedForward: true)

    /// The weights of Llama and its nearest relatives.
    static func llamaWeights(
        attentionBias: WeightRule.Bias? = nil, bias: WeightRule.Bias? = nil
    ) -> [WeightRule] {
        let block = BlockNames()
        let attention = block.attention(
            bias: attentionBias, outputBias: attentionBias, permutes: true)
        return ModelNames().model(
            blocks: attention + block.gatedFeedForward(bias: bias) + block.inputNorms(),
            divisors: ModelNames.llama3Divisors)
    }

    /// The metadata of everything that llama.cpp converts as a Llama.
    static let llamaMetadata = MetadataFormat(
        order: MetadataFormat.standard + ["vocab_size", "rope.dimension_count"])
}
