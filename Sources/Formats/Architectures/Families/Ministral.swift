extension Architecture {
    /// The text decoder of Mistral Small from 3.1 on, which llama.cpp calls `mistral3` and loads with biases and without a
    /// window. A folder of the decoder alone is a Mistral's.
    package static let mistralSmall = Architecture(
        name: "mistral3", huggingFaceModelType: "mistral", huggingFaceClass: "MistralForCausalLM",
        weights: mistral.weights, config: mistral.config, metadata: mistral3Metadata,
        numbers: mistral.ownNumbers + [.mistral3Rope(mistral.config)], tokenizer: .llama,
        scalesFeedForward: true)

    /// Ministral 3 and Devstral 2: a Mistral with YaRN whose queries grow with their position.
    package static let ministral3 = Architecture(
        name: "mistral3", huggingFaceModelType: "ministral3",
        huggingFaceClass: "Ministral3ForCausalLM", weights: mistral.weights,
        config: ministralConfig, metadata: mistral3Metadata,
        numbers: mistral.ownNumbers + [
            .mistral3Rope(ministralConfig), .queryGrowth(ministralConfig),
        ],
        tokenizer: .llama, mark: { keys in keys.isAbove0("attention.temperature_scale") },
        scalesFeedForward: true)

    private static let ministralConfig = ConfigFormat(
        ropeKinds: ["yarn": "yarn"],
        ropeMembers: ["llama_4_scaling_beta", "max_position_embeddings"],
        fillsHeadSize: true,
        standard: [
            "head_dim": .integer(128), "rms_norm_eps": .number(1e-5),
            "rope_parameters": .object(
                JSONObject([
                    .init("rope_type", .string("yarn")), .init("rope_theta", .number(1e6)),
                    .init("factor", .number(16)),
                    .init("original_max_position_embeddings", .integer(16_384)),
                    .init("mscale", .number(1)), .init("mscale_all_dim", .number(1)),
                    .init("llama_4_scaling_beta", .number(0.1)),
                ])),
        ]
    ).sized(
        vocabulary: 131_072, width: 4096, feedForward: 14_336, blocks: 34, heads: 32,
        keyValueHeads: 8, context: 262_144)

    private static let mistral3Metadata = MetadataFormat(
        order: MetadataFormat.standard.flatMap { key in
            key == "rope.freq_base"
                ? ["rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow", key] : [key]
        } + ["vocab_size", "rope.dimension_count"])
}
