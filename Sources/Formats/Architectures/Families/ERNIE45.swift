extension Architecture {
    /// ERNIE 4.5, dense: Llama with heads of any width, neighbouring dimensions of which are rotated together.
    ///
    /// llama.cpp loads a bias of the output projection and does not compute with it.
    package static let ernie45 = Architecture(
        name: "ernie4_5", huggingFaceModelType: "ernie4_5",
        huggingFaceClass: "Ernie4_5ForCausalLM", pairsNeighbours: true,
        weights: ModelNames().model(
            blocks: BlockNames().attention(
                bias: .flag("use_bias"), outputBias: .flag("use_bias", isInGGUF: false))
                + BlockNames().gatedFeedForward(bias: .flag("use_bias", isInGGUF: false))
                + BlockNames().inputNorms()),
        config: ConfigFormat(
            fillsHeadSize: true,
            standard: [
                "num_key_value_heads": .integer(2), "head_dim": .integer(128),
                "rms_norm_eps": .number(1e-5), "rope_theta": .number(500_000),
                "tie_word_embeddings": .bool(true),
            ]
        ).sized(
            vocabulary: 103_424, width: 1024, feedForward: 3072, blocks: 18, heads: 16,
            context: 131_072))
}
