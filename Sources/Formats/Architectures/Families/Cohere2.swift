extension Architecture {
    /// Command R7B and Command A: parallel sub-layers behind one LayerNorm without a bias, a window in three of four
    /// blocks, which alone are rotated, scaled logits, a tied head.
    package static let cohere2 = Architecture(
        name: "cohere2", huggingFaceModelType: "cohere2", huggingFaceClass: "Cohere2ForCausalLM",
        norm: .layer, pairsNeighbours: true,
        weights: ModelNames(headInGGUF: .never).model(
            blocks: BlockNames().attention(
                bias: .flag("attention_bias"),
                outputBias: .flag("attention_bias", isInGGUF: false))
                + BlockNames().gatedFeedForward()
                + [BlockNames().norm(.attentionNorm, "input_layernorm", "attn_norm")]),
        config: ConfigFormat(
            fillsHeadSize: true,
            standard: [
                "sliding_window": .integer(4096), "logit_scale": .number(0.0625),
                "tie_word_embeddings": .bool(true),
            ],
            implied: [
                "position_embedding_type", "rotary_pct", "use_parallel_block",
                "use_gated_activation", "use_embedding_sharing", "layer_switch",
                "order_of_interleaved_layers",
            ]
        ).withLayerNorm().sized(
            vocabulary: 256_000, width: 8192, feedForward: 22_528, blocks: 40, heads: 64,
            context: 8192),
        metadata: MetadataFormat(
            order: [
                MetadataFormat.general, "block_count", "context_length", "embedding_length",
                "feed_forward_length", "attention.head_count", "attention.head_count_kv",
                "rope.freq_base", Architecture.Norm.layer.epsilonKey,
            ] + MetadataFormat.headSize + [
                MetadataFormat.fileType, "logit_scale", WindowKeys.sizeKey, WindowKeys.patternKey,
                "vocab_size", "rope.dimension_count", "rope.scaling.type",
            ]),
        numbers: [
            .alwaysParallel, .logitFactor, .statedAbsenceOfScaling,
            .window(
                WindowKeys(
                    fullEvery: 4, interval: "sliding_window_pattern", hasLayerTypes: true,
                    rotatesOnlyWindows: true, runtime: .required)),
        ], tokenizer: TokenizerLayout(preTokenizerNames: ["command-r"]), scalesFeedForward: true)
}

extension ModelNumber {
    /// Attention and the feed-forward part both read the block's normed input.
    fileprivate static let alwaysParallel = parallelResidual.kept(
        ConfigPlace(read: { $1.isParallel = true }), MetadataPlace(read: { $1.isParallel = true }))

    /// What the logits are multiplied by, in both formats.
    fileprivate static let logitFactor = {
        let key = "logit_scale"
        return logitScale.kept(
            ConfigPlace(
                members: [key],
                read: { keys, numbers in numbers.logitScale = try keys.requiredNumber(key) },
                write: { numbers, config in config[key] = .shortest(Float(numbers.logitScale)) }),
            MetadataPlace(
                keys: [key],
                read: { keys, numbers in numbers.logitScale = try keys.requiredNumber(key) },
                write: { numbers throws(CheckpointError) in
                    [(key, .f32(Float(numbers.logitScale)))]
                }))
    }()

    /// The converter says that nothing is scaled.
    fileprivate static let statedAbsenceOfScaling = ModelNumber(
        name: "no rotary scaling", parts: []
    ).kept(
        ConfigPlace(),
        MetadataPlace(write: { _ throws(CheckpointError) in
            [("rope.scaling.type", .string(ByteString("none")))]
        }))
}
