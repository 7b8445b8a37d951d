extension Architecture {
    /// Qwen 2 and 2.5: Llama with biases on query, key and value; no rows are permuted.
    package static let qwen2 = Architecture(
        name: "qwen2", huggingFaceModelType: "qwen2", huggingFaceClass: "Qwen2ForCausalLM",
        weights: ModelNames().model(
            blocks: BlockNames().attention(bias: .always) + BlockNames().gatedFeedForward()
                + BlockNames().inputNorms()),
        config: ConfigFormat(
            standard: qwenStandard, implied: ["attention_bias", "qkv_bias", "add_qkv_bias"]
        ).sized(
            vocabulary: 151_936, width: 4096, feedForward: 22_016, blocks: 32, heads: 32,
            keyValueHeads: 32, context: 32_768),
        numbers: [
            .window(qwenWindow)
        ], headGrowth: [.gguf: .refused, .safetensors: .loaded])

    /// Windows from one block on.
    static let qwenWindow = WindowKeys(
        flag: "use_sliding_window", firstBlock: "max_window_layers", hasLayerTypes: true)

    /// What the configurations of all Qwens take where a file does not say.
    static let qwenStandard: [String: JSONValue] = [
        "sliding_window": .integer(4096), "max_window_layers": .integer(28),
    ]
}
