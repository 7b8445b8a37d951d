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

    /// Qwen 1.5 MoE and Qwen 2 MoE: Qwen 2 with routed experts and a shared one, whose output is gated.
    package static let qwen2Mixture = Architecture(
        name: "qwen2moe", huggingFaceModelType: "qwen2_moe",
        huggingFaceClass: "Qwen2MoeForCausalLM",
        weights: ModelNames(headInGGUF: .always).model(
            blocks: BlockNames().attention(bias: .flag("qkv_bias", isDefault: true))
                + BlockNames(holders: .mixtures).experts(
                    "mlp", gate: "gate_proj", up: "up_proj", down: "down_proj")
                + BlockNames(holders: .mixtures).sharedExpert(
                    "mlp.shared_expert", router: "mlp.shared_expert_gate")
                + BlockNames(holders: .dense).gatedFeedForward() + BlockNames().inputNorms()),
        config: ConfigFormat(
            standard: [
                "num_experts": .integer(60), "num_experts_per_tok": .integer(4),
                "moe_intermediate_size": .integer(1408),
                "shared_expert_intermediate_size": .integer(5632),
            ], only: [("use_sliding_window", .bool(false))]
        ).sized(
            vocabulary: 151_936, width: 2048, feedForward: 5632, blocks: 24, heads: 16,
            keyValueHeads: 16, context: 32_768),
        numbers: [
            .experts(
                count: ["num_experts", "num_local_experts"], size: "moe_intermediate_size",
                shares: "norm_topk_prob", normalizesInGGUF: false,
                shared: "shared_expert_intermediate_size"),
            .denseBlocks(listed: "mlp_only_layers", step: "decoder_sparse_step"),
        ])

    /// Windows from one block on.
    static let qwenWindow = WindowKeys(
        flag: "use_sliding_window", firstBlock: "max_window_layers", hasLayerTypes: true)

    /// What the configurations of all Qwens take where a file does not say.
    static let qwenStandard: [String: JSONValue] = [
        "sliding_window": .integer(4096), "max_window_layers": .integer(28),
    ]
}
