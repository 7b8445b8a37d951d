extension Architecture {
    /// Qwen 3: norms of each head's queries and keys, heads of any width; no rows are permuted.
    package static let qwen3 = Architecture(
        name: "qwen3", huggingFaceModelType: "qwen3", huggingFaceClass: "Qwen3ForCausalLM",
        weights: ModelNames().model(
            blocks: qwen3Attention + BlockNames().gatedFeedForward() + BlockNames().inputNorms()),
        config: ConfigFormat(
            fillsHeadSize: true,
            standard: qwenStandard.merging(["head_dim": .integer(128)]) { $1 }
        ).sized(
            vocabulary: 151_936, width: 4096, feedForward: 22_016, blocks: 32, heads: 32,
            keyValueHeads: 32, context: 32_768),
        numbers: [
            .window(qwenWindow)
        ], headGrowth: [.gguf: .loaded], scalesFeedForward: true)

    /// Qwen 3 with a mixture of experts in place of every feed-forward part.
    package static let qwen3Mixture = Architecture(
        name: "qwen3moe", huggingFaceModelType: "qwen3_moe",
        huggingFaceClass: "Qwen3MoeForCausalLM",
        weights: ModelNames().model(
            blocks: qwen3Attention
                + BlockNames().experts(
                    "mlp", gate: "gate_proj", up: "up_proj", down: "down_proj")
                + BlockNames().inputNorms()),
        config: ConfigFormat(
            standard: [
                "sliding_window": .integer(4096), "num_experts": .integer(128),
                "num_experts_per_tok": .integer(8),
                "moe_intermediate_size": .integer(768),
            ], only: [("decoder_sparse_step", .integer(1)), ("mlp_only_layers", .array([]))]
        ).sized(
            vocabulary: 151_936, width: 2048, feedForward: 6144, blocks: 24, heads: 32,
            keyValueHeads: 4, context: 32_768),
        numbers: [
            .window(WindowKeys(flag: "use_sliding_window")),
            .experts(
                count: ["num_experts", "num_local_experts"], size: "moe_intermediate_size",
                shares: "norm_topk_prob"),
        ], headGrowth: [.gguf: .loaded], scalesFeedForward: true)

    /// llama.cpp loads no bias of the output projection.
    private static let qwen3Attention =
        BlockNames().attention(
            bias: .flag("attention_bias"), outputBias: .flag("attention_bias", isInGGUF: false))
        + BlockNames().queryKeyNorms(ofHeads: true)
}
