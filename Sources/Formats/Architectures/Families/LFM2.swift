extension Architecture {
    /// LFM 2 and LFM 2.5: in most blocks a gated short convolution mixes the tokens, in the others attention with norms of
    /// each head's queries and keys.
    ///
    /// The norm before the head is called that of the embedding, by folders and GGUF files alike.
    package static let lfm2 = Architecture(
        name: "lfm2", huggingFaceModelType: "lfm2", huggingFaceClass: "Lfm2ForCausalLM",
        weights: ModelNames(norm: "model.embedding_norm", normInGGUF: "token_embd_norm").model(
            blocks: lfm2Mixers + lfm2FeedForward(in: .all) + lfm2Norms),
        config: lfm2Config,
        metadata: MetadataFormat(
            order: MetadataFormat.standard + ["vocab_size", "shortconv.l_cache"]),
        numbers: [
            .adjustedFeedForwardSize(lfm2Config), .keyValueHeadsOfAttention(lfm2Config),
            .tiedHeadByTwoNames, .unnamedActivation, .shortConvolutions,
        ],
        // A later member of the family has windows.
        metadataOnly: [("attention.sliding_window", .absent)],
        tokenizer: TokenizerLayout(preTokenizerNames: ["lfm2"]), headGrowth: [.gguf: .refused])

    /// LFM 2 with experts in all but the first blocks: by sigmoid, with a bias where they are chosen, normalised.
    package static let lfm2Mixture = Architecture(
        name: "lfm2moe", huggingFaceModelType: "lfm2_moe", huggingFaceClass: "Lfm2MoeForCausalLM",
        weights: ModelNames(norm: "model.embedding_norm", normInGGUF: "token_embd_norm").model(
            blocks: lfm2Mixers + lfm2Experts + lfm2FeedForward(in: .dense) + lfm2Norms),
        config: lfm2MixtureConfig,
        metadata: MetadataFormat(
            order: MetadataFormat.standard + [
                "expert_feed_forward_length", "leading_dense_block_count", "expert_gating_func",
                "vocab_size", "shortconv.l_cache",
            ]),
        numbers: [
            .keyValueHeadsOfAttention(lfm2MixtureConfig), .tiedHeadByTwoNames, .unnamedActivation,
            .shortConvolutions, .sigmoidExperts, .leadingDenseBlocks("num_dense_layers"),
        ],
        metadataOnly: [("attention.sliding_window", .absent)],
        tokenizer: TokenizerLayout(preTokenizerNames: ["lfm2"]), headGrowth: [.gguf: .refused])

    private static let lfm2Experts: [WeightRule] = {
        let block = BlockNames(holders: .mixtures)
        let inner: [WeightRule.Dimension] = [.experts, .expertFeedForward, .hidden]
        return [
            block.expertChoiceBias("feed_forward.expert_bias"),
            block.rule(.expertGate, "feed_forward.experts.@.w1", "ffn_gate_exps", inner),
            block.rule(
                .expertDown, "feed_forward.experts.@.w2", "ffn_down_exps",
                [.experts, .hidden, .expertFeedForward]),
            block.rule(.expertUp, "feed_forward.experts.@.w3", "ffn_up_exps", inner),
            block.rule(.expertRouter, "feed_forward.gate", "ffn_gate_inp", [.experts, .hidden]),
        ]
    }()

    /// llama.cpp requires the bias by which experts are chosen.
    private static let lfm2MixtureConfig = ConfigFormat(
        normEpsilon: "norm_eps",
        standard: [
            "norm_eps": .number(1e-5), "rope_theta": .number(1e6), "conv_L_cache": .integer(3),
            "num_experts": .integer(32), "num_experts_per_tok": .integer(4),
            "moe_intermediate_size": .integer(1792), "norm_topk_prob": .bool(true),
            "num_dense_layers": .integer(2),
        ],
        only: [("use_expert_bias", .bool(true))]
    ).sized(
        vocabulary: 65_536, width: 2048, feedForward: 7168, blocks: 32, heads: 32,
        keyValueHeads: 8, context: 128_000)

    /// llama.cpp loads no bias of a convolution and none of attention's output.
    private static let lfm2Mixers: [WeightRule] = {
        let (convolution, attention) = (
            BlockNames(holders: .mixing(.shortConvolution)),
            BlockNames(holders: .mixing(.attention))
        )
        let bias = WeightRule.Bias.flag("conv_bias", isInGGUF: false)
        return [
            convolution.rule(
                .convolutionTaps, "conv.conv", "shortconv.conv", [.hidden, .convolutionLength],
                bias: bias, transform: .channelwise),
            convolution.rule(
                .convolutionInput, "conv.in_proj", "shortconv.in_proj",
                [.gatedConvolutionWidth, .hidden], bias: bias),
            convolution.rule(
                .convolutionOutput, "conv.out_proj", "shortconv.out_proj", [.hidden, .hidden],
                bias: bias),
            attention.rule(
                .attentionKeyNorm, "self_attn.k_layernorm", "attn_k_norm", [.headSize]),
            attention.rule(
                .attentionKey, "self_attn.k_proj", "attn_k", [.keyValueWidth, .hidden],
                bias: .onlyInGGUF),
            attention.rule(
                .attentionOutput, "self_attn.out_proj", "attn_output", [.hidden, .queryWidth]),
            attention.rule(
                .attentionQueryNorm, "self_attn.q_layernorm", "attn_q_norm", [.headSize]),
            attention.rule(
                .attentionQuery, "self_attn.q_proj", "attn_q", [.queryWidth, .hidden],
                bias: .onlyInGGUF),
            attention.rule(
                .attentionValue, "self_attn.v_proj", "attn_v", [.keyValueWidth, .hidden],
                bias: .onlyInGGUF),
        ]
    }()

    private static func lfm2FeedForward(in holders: WeightRule.Holders) -> [WeightRule] {
        let block = BlockNames(holders: holders)
        return [
            block.rule(.feedForwardGate, "feed_forward.w1", "ffn_gate", [.feedForward, .hidden]),
            block.rule(.feedForwardDown, "feed_forward.w2", "ffn_down", [.hidden, .feedForward]),
            block.rule(.feedForwardUp, "feed_forward.w3", "ffn_up", [.feedForward, .hidden]),
        ]
    }

    private static let lfm2Norms = [
        BlockNames().norm(.feedForwardNorm, "ffn_norm", "ffn_norm"),
        BlockNames().norm(.attentionNorm, "operator_norm", "attn_norm"),
    ]

    private static let lfm2Config = ConfigFormat(
        normEpsilon: "norm_eps",
        standard: [
            "norm_eps": .number(1e-5), "rope_theta": .number(1e6), "conv_L_cache": .integer(3),
        ],
        // What published files say of their training, and once more under other names; transformers reads none of it.
        implied: [
            "block_dim", "block_mlp_init_scale", "block_norm_eps", "block_out_init_scale",
            "block_use_swiglu", "block_use_xavier_init", "conv_dim", "conv_dim_out",
            "conv_use_xavier_init", "num_heads", "theta", "use_pos_enc",
        ]
    ).sized(
        vocabulary: 65_536, width: 2560, feedForward: 12_288, blocks: 32, heads: 32,
        keyValueHeads: 8, context: 128_000)
}

extension ModelNumber {
    /// A feed-forward width that is worked out where `config.json` does not say otherwise: two thirds of the number that is
    /// named, times a factor, up to a multiple of a number.
    fileprivate static func adjustedFeedForwardSize(_ format: ConfigFormat) -> ModelNumber {
        let (key, older) = (format.feedForwardSize, "block_ff_dim")
        let (isAdjusted, factorKey, unitKey) = (
            "block_auto_adjust_ff_dim", "block_ffn_dim_multiplier", "block_multiple_of"
        )
        var number = feedForwardSize(format)
        number.config.members += [older, isAdjusted, factorKey, unitKey]
        number.config.read = { keys, numbers in
            let named = try keys.integer(older) ?? keys.required(key)
            try keys.require(named, keys.config[older] == nil ? key : older)
            numbers.feedForwardSize = named
            guard try keys.flag(isAdjusted) ?? true else { return }
            numbers.feedForwardSize = 2 * named / 3
            guard keys.config[factorKey] != .null else { return }
            let (factor, unit) = (
                try keys.number(factorKey) ?? 1, try keys.integer(unitKey) ?? 256
            )
            try keys.require(unit, unitKey)
            let product = factor * Double(numbers.feedForwardSize)
            guard product >= 1, product <= Double(Hyperparameters.largestSize) else {
                throw CheckpointError.outOfRange(
                    file: keys.file, key: factorKey, value: "\(factor)",
                    range: "1…\(Hyperparameters.largestSize) over \(numbers.feedForwardSize)")
            }
            numbers.feedForwardSize = (Int(product) + unit - 1) / unit * unit
        }
        number.config.write = { numbers, config in
            config[key] = .integer(numbers.feedForwardSize)
            config[isAdjusted] = .bool(false)
        }
        return number
    }

    /// A head that is the embedding unless `config.json` says otherwise, by the older name first.
    fileprivate static let tiedHeadByTwoNames = {
        let (key, older) = ("tie_word_embeddings", "tie_embedding")
        var number = tiedHead
        number.config.members.append(older)
        number.config.read = { keys, numbers in
            numbers.tiesEmbeddings = try keys.flag(older) ?? keys.flag(key) ?? true
        }
        return number
    }()

    /// Experts whose shares are sigmoids. A folder's runtime adds 1e-6 to their sum and multiplies by a scale, of which
    /// llama.cpp does neither for the family.
    fileprivate static let sigmoidExperts = {
        let (scale, gating) = ("routed_scaling_factor", "expert_gating_func")
        let sigmoid = 2
        var number = experts(
            count: ["num_experts", "num_local_experts"], size: "moe_intermediate_size",
            shares: "norm_topk_prob")
        let (config, metadata) = (number.config, number.metadata)
        number.config.members.append(scale)
        number.config.read = { keys, numbers in
            try config.read(keys, &numbers)
            numbers.experts?.scoring = .sigmoid(epsilon: 1e-6)
            numbers.experts?.shareScale = try keys.number(scale) ?? 1
        }
        number.config.write = { numbers, members in
            config.write(numbers, &members)
            members[scale] = .number(numbers.experts?.shareScale ?? 1)
            members["use_expert_bias"] = .bool(true)
        }
        number.metadata.keys.append(gating)
        number.metadata.read = { keys, numbers in
            try metadata.read(keys, &numbers)
            try keys.require(gating, .only([.integer(sigmoid)]))
            numbers.experts?.scoring = .sigmoid(epsilon: 0)
        }
        number.metadata.write = { numbers throws(CheckpointError) in
            try metadata.write(numbers) + [(gating, .count(sigmoid))]
        }
        return number
    }()

    /// The first blocks, whose feed-forward parts are dense.
    fileprivate static func leadingDenseBlocks(_ member: String) -> ModelNumber {
        let key = "leading_dense_block_count"
        @Sendable func fill(
            _ count: Int, _ keys: any NumberKeys, _ numbers: inout Hyperparameters
        ) throws {
            try numbers.changeKinds(keys) { block, kind in kind.isDense = block < count }
        }
        return denseBlocks.kept(
            ConfigPlace(
                members: [member],
                read: { try fill($0.count(member) ?? 0, $0, &$1) },
                write: { numbers, config in config[member] = .integer(numbers.denseBlocks.count) }),
            MetadataPlace(
                keys: [key],
                read: { try fill($0.count(key) ?? 0, $0, &$1) },
                write: { numbers throws(CheckpointError) in
                    [(key, .count(numbers.denseBlocks.count))]
                }))
    }

    /// Always SiLU; `config.json` names none.
    fileprivate static let unnamedActivation = ModelNumber("activation") { "\($0.activation)" }
}
