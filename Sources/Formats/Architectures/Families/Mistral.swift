extension Architecture {
    /// Mistral 7B and its successors: Llama without biases, with a sliding window in the first release.
    ///
    /// llama.cpp calls it `llama` and has no window there: a GGUF file of that name is a Llama, whatever window its
    /// metadata names.
    package static let mistral = Architecture(
        name: "llama", huggingFaceModelType: "mistral", huggingFaceClass: "MistralForCausalLM",
        weights: llamaWeights(attentionBias: .onlyInGGUF, bias: .onlyInGGUF),
        config: ConfigFormat(
            fillsHeadSize: true,
            standard: ["sliding_window": .integer(4096)]
        ).sized(
            vocabulary: 32_000, width: 4096, feedForward: 14_336, blocks: 32, heads: 32,
            keyValueHeads: 8, context: 131_072),
        metadata: llamaMetadata, numbers: [.window(WindowKeys())], tokenizer: .llama,
        scalesFeedForward: true)
}
