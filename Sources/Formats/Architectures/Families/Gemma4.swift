extension Architecture {
    /// Gemma 4, the text model: heads of another width in blocks that see all positions, whose values may be their keys; blocks
    /// that read keys and values of earlier ones; inputs of each block beside the stream; and a scale of what a block puts out.
    package static let gemma4 = Architecture(
        name: "gemma4", huggingFaceModelType: "gemma4_text", huggingFaceClass: "Gemma4ForCausalLM",
        normsValues: true, activation: .geluTanh, weights: gemma4Weights, residualPath: .normed,
        config: gemma4Config,
        metadata: gemma4Metadata, numbers: gemma4Numbers(gemma4Config, hasInputs: true),
        tokenizer: gemma4Tokenizer,
        cutsEmbedding: true)

    /// The same of the models that read pictures and sound without towers: it has no inputs of each block.
    package static let gemma4Unified = Architecture(
        name: "gemma4", huggingFaceModelType: "gemma4_unified_text",
        huggingFaceClass: "Gemma4UnifiedForCausalLM", normsValues: true, activation: .geluTanh,
        weights: gemma4Weights, residualPath: .normed, config: gemma4UnifiedConfig,
        metadata: gemma4Metadata, numbers: gemma4Numbers(gemma4UnifiedConfig, hasInputs: false),
        tokenizer: gemma4Tokenizer, mark: { _ in false }, cutsEmbedding: true)

    // MARK: - Numbers

    private static func gemma4Numbers(
        _ config: ConfigFormat, hasInputs: Bool
    ) -> [ModelNumber] {
        [
            .gemma4FeedForward, .gemma4KeyValueHeads, .gemma4HeadSize, .gemma4Rope(config),
            .embeddingScaleByWidth, .unscaledAttention, .logitCap(standard: 30),
            .gemma4BlockSizes, .gemma4Windows(config), .gemma4Sharing,
            .gemma4PerLayerInputs(isInConfig: hasInputs), .gemma4Experts(isInConfig: hasInputs),
        ]
    }

    private static let gemma4Config = gemma4Config(window: 512, context: 131_072)

    private static let gemma4UnifiedConfig = gemma4Config(window: 1024, context: 262_144)

    private static func gemma4Config(window: Int, context: Int) -> ConfigFormat {
        ConfigFormat(
            activation: "hidden_activation", standardActivation: "gelu_pytorch_tanh",
            sortsRopeByAttention: true, fillsHeadSize: true,
            standard: [
                "head_dim": .integer(256), "tie_word_embeddings": .bool(true),
                "sliding_window": .integer(window), "hidden_size_per_layer_input": .integer(256),
                "vocab_size_per_layer_input": .integer(262_144), "global_head_dim": .integer(512),
                "rope_parameters": .object(
                    JSONObject([
                        .init(
                            "full_attention",
                            .record(
                                ("rope_type", .string("proportional")),
                                ("partial_rotary_factor", .number(0.25)),
                                ("rope_theta", .number(1e6)))),
                        .init(
                            "sliding_attention",
                            .record(
                                ("rope_type", .string("default")), ("rope_theta", .number(10_000))
                            )),
                    ])),
            ],
            only: [
                // Pictures alone are seen from both sides.
                ("use_bidirectional_attention", .string("vision"))
            ]
        ).sized(
            vocabulary: 262_144, width: 2304, feedForward: 9216, blocks: 30, heads: 8,
            keyValueHeads: 4, context: context)
    }

    private static let gemma4Metadata = MetadataFormat(
        order: MetadataFormat.standard + [
            "final_logit_softcapping", "attention.sliding_window", "attention.shared_kv_layers",
            "embedding_length_per_layer_input", "attention.sliding_window_pattern",
            "attention.key_length_swa", "attention.value_length_swa", "expert_feed_forward_length",
            "rope.dimension_count",
            "rope.dimension_count_swa",
        ])

    private static let gemma4Tokenizer = TokenizerLayout(
        keepsScalarPairs: true,
        visible: [
            "<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", "<|tool_response>",
            "<tool_response|>", "<|\"|>",
        ])

    // MARK: - Weights

    private static let gemma4Weights: [WeightRule] = {
        let all = BlockNames()
        var rules = ModelNames().model(
            blocks: gemma4Attention + all.gatedFeedForward() + gemma4Experts + gemma4Norms
                + gemma4PerLayerInput,
            divisors: ModelNames.llama3Divisors)
        rules += [
            WeightRule(
                .model(.perLayerEmbedding), in: .perLayerInputs,
                huggingFace: "model.embed_tokens_per_layer", gguf: "per_layer_token_embd",
                shape: [.vocabulary, .perLayerInputsOfAllBlocks]),
            WeightRule(
                .model(.perLayerProjection), in: .perLayerInputs,
                huggingFace: "model.per_layer_model_projection", gguf: "per_layer_model_proj",
                shape: [.perLayerInputsOfAllBlocks, .hidden]),
            WeightRule(
                .model(.perLayerProjectionNorm), in: .perLayerInputs,
                huggingFace: "model.per_layer_projection_norm", gguf: "per_layer_proj_norm",
                shape: [.perLayerInput]),
        ]
        return rules
    }()

    /// llama.cpp loads no bias.
    private static let gemma4Attention: [WeightRule] = {
        let bias = WeightRule.Bias.flag("attention_bias", isInGGUF: false)
        let (all, keys, values) = (
            BlockNames(), BlockNames(holders: .keyMakers), BlockNames(holders: .valueMakers)
        )
        return [
            all.rule(
                .attentionQuery, "self_attn.q_proj", "attn_q", [.queryWidth, .hidden], bias: bias),
            keys.rule(
                .attentionKey, "self_attn.k_proj", "attn_k", [.keyValueWidth, .hidden], bias: bias),
            values.rule(
                .attentionValue, "self_attn.v_proj", "attn_v", [.keyValueWidth, .hidden],
                bias: bias),
            all.rule(
                .attentionOutput, "self_attn.o_proj", "attn_output", [.hidden, .queryWidth],
                bias: bias),
            all.rule(.attentionQueryNorm, "self_attn.q_norm", "attn_q_norm", [.headSize]),
            keys.rule(.attentionKeyNorm, "self_attn.k_norm", "attn_k_norm", [.headSize]),
        ]
    }()

    /// Beside the dense part; the norm before that is the dense part's alone.
    private static let gemma4Experts: [WeightRule] = {
        let names = BlockNames(holders: .mixtures)
        let bare: Set<FileFormat> = [.safetensors, .gguf]
        return [
            names.rule(.expertRouter, "router.proj", "ffn_gate_inp", [.experts, .hidden]),
            names.rule(
                .expertRouterNorm, "router.scale", "ffn_gate_inp.scale", [.hidden],
                bareNames: bare),
            names.rule(
                .expertScale, "router.per_expert_scale", "ffn_down_exps.scale", [.experts],
                bareNames: bare),
            names.rule(
                .expertGateUp, "experts.gate_up_proj", "ffn_gate_up_exps",
                [.experts, .expertGateUpWidth, .hidden], bareNames: [.safetensors]),
            names.rule(
                .expertDown, "experts.down_proj", "ffn_down_exps",
                [.experts, .hidden, .expertFeedForward], bareNames: [.safetensors],
                takesScale: false),
            names.norm(.expertNorm, "pre_feedforward_layernorm_2", "pre_ffw_norm_2"),
            names.norm(.densePostNorm, "post_feedforward_layernorm_1", "post_ffw_norm_1"),
            names.norm(.expertPostNorm, "post_feedforward_layernorm_2", "post_ffw_norm_2"),
        ]
    }()

    private static let gemma4Norms = [
        BlockNames().norm(.attentionNorm, "input_layernorm", "attn_norm"),
        BlockNames().norm(.attentionPostNorm, "post_attention_layernorm", "post_attention_norm"),
        BlockNames().norm(.feedForwardNorm, "pre_feedforward_layernorm", "ffn_norm"),
        BlockNames().norm(.feedForwardPostNorm, "post_feedforward_layernorm", "post_ffw_norm"),
    ]

    private static let gemma4PerLayerInput: [WeightRule] = {
        let names = BlockNames(holders: .perLayerInputs)
        return [
            names.rule(
                .perLayerGate, "per_layer_input_gate", "inp_gate", [.perLayerInput, .hidden]),
            names.rule(
                .perLayerOutput, "per_layer_projection", "proj", [.hidden, .perLayerInput]),
            names.norm(.perLayerNorm, "post_per_layer_input_norm", "post_norm"),
            BlockNames().rule(
                .outputScale, "layer_scalar", "layer_output_scale", [.one], presence: .optional,
                bareNames: [.safetensors]),
        ]
    }()
}
