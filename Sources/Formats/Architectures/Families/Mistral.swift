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
            standard: ["num_key_value_heads": .integer(8), "sliding_window": .integer(4096)]),
        metadata: llamaMetadata, numbers: [.window(WindowKeys())], tokenizer: .llama,
        scalesFeedForward: true)
}
