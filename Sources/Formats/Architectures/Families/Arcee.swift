extension Architecture {
    /// Arcee's AFM: Llama whose feed-forward part squares a rectifier and has no gate.
    package static let arcee = Architecture(
        name: "arcee", huggingFaceModelType: "arcee", huggingFaceClass: "ArceeForCausalLM",
        activation: .reluSquared,
        weights: ModelNames().model(
            blocks: BlockNames().attention(
                bias: .flag("attention_bias"),
                outputBias: .flag("attention_bias", isInGGUF: false), permutes: true) + [
                    BlockNames().rule(
                        .feedForwardUp, "mlp.up_proj", "ffn_up", [.feedForward, .hidden],
                        bias: arceeBias),
                    BlockNames().rule(
                        .feedForwardDown, "mlp.down_proj", "ffn_down", [.hidden, .feedForward],
                        bias: arceeBias),
                ] + BlockNames().inputNorms(), divisors: ModelNames.llama3Divisors),
        config: ConfigFormat(
            standardActivation: "relu2", fillsHeadSize: true,
            standard: ["rms_norm_eps": .number(1e-5)]
        ).sized(
            vocabulary: 32_000, width: 2560, feedForward: 18_432, blocks: 32, heads: 32,
            context: 4096),
        metadata: llamaMetadata, tokenizer: .llama)

    private static let arceeBias = WeightRule.Bias.flag("mlp_bias", isInGGUF: false)
}
