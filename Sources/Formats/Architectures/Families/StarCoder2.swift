extension Architecture {
    /// StarCoder 2: LayerNorm, biases on all projections, a feed-forward part without a gate, a sliding window.
    package static let starCoder2 = Architecture(
        name: "starcoder2", huggingFaceModelType: "starcoder2",
        huggingFaceClass: "Starcoder2ForCausalLM", norm: .layer, activation: .geluTanh,
        weights: ModelNames().model(
            blocks: BlockNames().attention(bias: useBias, outputBias: useBias) + [
                BlockNames().rule(
                    .feedForwardUp, "mlp.c_fc", "ffn_up", [.feedForward, .hidden], bias: useBias),
                BlockNames().rule(
                    .feedForwardDown, "mlp.c_proj", "ffn_down", [.hidden, .feedForward],
                    bias: useBias),
            ] + BlockNames().inputNorms(.layer), norm: .layer),
        config: ConfigFormat(
            standardActivation: "gelu_pytorch_tanh",
            standard: ["tie_word_embeddings": .bool(true)]
        ).withLayerNorm("norm_epsilon").sized(
            vocabulary: 49_152, width: 3072, feedForward: 12_288, blocks: 30, heads: 24,
            keyValueHeads: 2, context: 4096), numbers: [.window(WindowKeys())],
        tokenizer: TokenizerLayout(preTokenizerNames: ["starcoder"]))

    private static let useBias = WeightRule.Bias.flag("use_bias", isDefault: true)
}
