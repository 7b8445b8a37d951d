extension Architecture {
    /// gpt-oss (arXiv 2508.10925): attention sinks, windows in every other block, experts with biases and a clamped gate.
    ///
    /// Folders have gate and up of an expert in one matrix, their rows by turns, and each matrix as its transpose unless
    /// it is packed in MXFP4.
    package static let gptOSS = Architecture(
        name: "gpt-oss", huggingFaceModelType: "gpt_oss", huggingFaceClass: "GptOssForCausalLM",
        activation: .clampedSilu,
        weights: ModelNames(headInGGUF: .always).model(
            blocks: gptOSSAttention + gptOSSExperts + [
                BlockNames().norm(.attentionNorm, "input_layernorm", "attn_norm"),
                BlockNames().norm(
                    .feedForwardNorm, "post_attention_layernorm", "post_attention_norm"),
            ]),
        config: gptOSSConfig,
        metadata: gptOSSMetadata,
        numbers: [
            .window(WindowKeys(fullEvery: 2, hasLayerTypes: true, runtime: .required)),
            .experts(
                count: ["num_local_experts", "num_experts"], size: gptOSSConfig.feedForwardSize,
                shares: nil),
            .ropeTruncatedInGGUF(gptOSSConfig),
        ],
        tokenizer: TokenizerLayout(preTokenizerNames: ["gpt-4o"]))

    private static let gptOSSConfig = ConfigFormat(
        fillsHeadSize: true,
        standard: [
            "head_dim": .integer(64), "rms_norm_eps": .number(1e-5),
            "sliding_window": .integer(128), "num_local_experts": .integer(128),
            "num_experts_per_tok": .integer(4), "rope_theta": .number(150_000),
            "rope_parameters": .object(
                JSONObject([
                    .init("rope_type", .string("yarn")), .init("factor", .number(32)),
                    .init("beta_fast", .number(32)), .init("beta_slow", .number(1)),
                    .init("truncate", .bool(false)),
                    .init("original_max_position_embeddings", .integer(4096)),
                ])),
        ],
        only: [("swiglu_limit", .number(7)), ("swiglu_alpha", .number(1.702))],
        renamedActivations: ["silu": .clampedSilu]
    ).sized(
        vocabulary: 201_088, width: 2880, feedForward: 2880, blocks: 36, heads: 64,
        keyValueHeads: 8, context: 131_072)

    private static let gptOSSMetadata = MetadataFormat(
        order: MetadataFormat.standard.flatMap { key in
            key == "rope.freq_base" ? ModelNumber.rampKeys + [key] : [key]
        } + [WindowKeys.sizeKey])

    private static let gptOSSAttention =
        [
            BlockNames().rule(
                .attentionSinks, "self_attn.sinks", "attn_sinks", [.headCount],
                bareNames: [.safetensors])
        ]
        + BlockNames().attention(
            bias: .flag("attention_bias", isDefault: true),
            outputBias: .flag("attention_bias", isDefault: true))

    private static let gptOSSExperts: [WeightRule] = {
        let (block, inner) =
            (BlockNames(), [.experts, .expertFeedForward, .hidden])
            as (BlockNames, [WeightRule.Dimension])
        return [
            block.rule(
                .expertRouter, "mlp.router", "ffn_gate_inp", [.experts, .hidden], bias: .always),
            block.rule(
                .expertGateUpByTurns, "mlp.experts.gate_up_proj", nil,
                [.experts, .expertGateUpWidth, .hidden], bias: .always,
                transform: .transposedExperts, bareNames: [.safetensors]),
            block.rule(.expertGate, nil, "ffn_gate_exps", inner, bias: .always),
            block.rule(.expertUp, nil, "ffn_up_exps", inner, bias: .always),
            block.rule(
                .expertDown, "mlp.experts.down_proj", "ffn_down_exps",
                [.experts, .hidden, .expertFeedForward], bias: .always,
                transform: .transposedExperts, bareNames: [.safetensors]),
        ]
    }()
}

extension ModelNumber {
    /// What the converter writes of YaRN's ramp and llama.cpp does not read for the family.
    fileprivate static let rampKeys = [
        "rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow",
    ]

    /// A rotary embedding whose YaRN folders do not round and llama.cpp does, which a conversion tells.
    fileprivate static func ropeTruncatedInGGUF(_ format: ConfigFormat) -> ModelNumber {
        let own = rope(format, .rotary)
        let parts = own.parts.map { part in
            guard part.name == ropeScalingName else { return part }
            var part = part
            part.loss = .toldWithin { numbers in
                guard case .yarn(var yarn) = numbers.rope.scaling else {
                    return numbers.rope.scalingText
                }
                yarn.roundsRamp = true
                var rope = numbers.rope
                rope.scaling = .yarn(yarn)
                return rope.scalingText
            }
            return part
        }
        var number = ModelNumber(name: own.name, parts: parts).kept(own.config, own.metadata)
        number.check = own.check
        number.metadata.write = { numbers throws(CheckpointError) in
            // All of a head is rotated, which the converter does not say.
            let entries = try own.metadata.write(numbers).filter {
                $0.key != "rope.dimension_count"
            }
            guard case .yarn(let yarn) = numbers.rope.scaling else { return entries }
            return entries
                + zip(rampKeys, [yarn.betaFast, yarn.betaSlow]).map { ($0, .f32(Float($1))) }
        }
        return number
    }
}
