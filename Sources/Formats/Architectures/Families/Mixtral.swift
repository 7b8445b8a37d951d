extension Architecture {
    /// Mixtral: Mistral with a mixture of experts in place of every feed-forward part. llama.cpp calls it `llama`.
    package static let mixtral = Architecture(
        name: "llama", huggingFaceModelType: "mixtral", huggingFaceClass: "MixtralForCausalLM",
        weights: ModelNames().model(
            blocks: BlockNames().attention(
                bias: .onlyInGGUF, outputBias: .onlyInGGUF, permutes: true)
                + BlockNames().experts("block_sparse_moe", gate: "w1", up: "w3", down: "w2")
                + BlockNames().inputNorms(),
            divisors: ModelNames.llama3Divisors),
        config: ConfigFormat(standard: [
            "rope_theta": .number(1e6),
            "rms_norm_eps": .number(1e-5), "num_local_experts": .integer(8),
            "num_experts_per_tok": .integer(2),
        ]).sized(
            vocabulary: 32_000, width: 4096, feedForward: 14_336, blocks: 32, heads: 32,
            keyValueHeads: 8, context: 131_072), metadata: llamaMetadata,
        numbers: [
            .window(WindowKeys()),
            .experts(count: ["num_local_experts", "num_experts"], size: nil, shares: nil),
        ], tokenizer: .llama, mark: { keys in keys.isAbove0("expert_count") },
        scalesFeedForward: true)
}
