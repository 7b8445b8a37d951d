extension Architecture {
    /// Granite 3: Llama with multipliers of embeddings, attention, sub-layers' outputs and logits.
    package static let granite = Architecture(
        name: "granite", huggingFaceModelType: "granite", huggingFaceClass: "GraniteForCausalLM",
        weights: llamaWeights(attentionBias: .flag("attention_bias"), bias: .flag("mlp_bias")),
        residualPath: .scaled,
        config: ConfigFormat().sized(
            vocabulary: 32_000, width: 4096, feedForward: 11_008, blocks: 32, heads: 32,
            context: 2048),
        metadata: graniteMetadata, numbers: ModelNumber.multipliers,
        metadataOnly: [("rope.scaling.finetuned", .yes)] + noVision, tokenizer: graniteTokenizer)

    /// Granite 4 without blocks of state space and without experts: Granite 3 with gate and up in one matrix in a folder,
    /// and with or without rotation.
    ///
    /// llama.cpp calls it `granite` too, and its converter lists the key/value heads block by block. Its folders share the
    /// configuration of the models that have such blocks, which are refused by what it says of them.
    package static let granite4 = Architecture(
        name: "granite", huggingFaceModelType: "granitemoehybrid",
        huggingFaceClass: "GraniteMoeHybridForCausalLM",
        weights: ModelNames().model(
            blocks: BlockNames().attention(
                bias: .flag("attention_bias"), outputBias: .flag("attention_bias"), permutes: true)
                + BlockNames().gatedFeedForward(
                    fusedInHuggingFace: "shared_mlp.input_linear",
                    down: "shared_mlp.output_linear", downBias: .onlyInGGUF)
                + BlockNames().inputNorms(), divisors: ModelNames.llama3Divisors),
        residualPath: .scaled, config: granite4Config, metadata: graniteMetadata,
        numbers: [.keyValueHeads(granite4Config, isListed: true)] + ModelNumber.multipliers + [
            .noExperts, .onlyAttention, .unusedStateSpace, .rotationOfAll,
        ], metadataOnly: noVision, tokenizer: graniteTokenizer,
        mark: { keys in
            keys.isList("attention.head_count_kv") || keys.isOff("rope.scaling.finetuned")
        })

    private static let granite4Config = ConfigFormat(
        feedForwardSize: "shared_intermediate_size",
        standard: [
            "shared_intermediate_size": .integer(1024), "num_local_experts": .integer(8),
        ],
        implied: [
            "mamba_chunk_size", "mamba_conv_bias", "mamba_proj_bias", "time_step_limit",
            "time_step_min", "time_step_max",
        ], copies: [("intermediate_size", "shared_intermediate_size")])

    private static let graniteMetadata = MetadataFormat(
        order: llamaMetadata.order + ["attention.scale"])

    /// Images reach deeper blocks in Granite 4 Vision.
    private static let noVision: [(key: String, neutral: Neutral)] = [
        ("deepstack_mapping", .only([.integer(-1)]))
    ]

    private static let graniteTokenizer = TokenizerLayout(
        isLlama: true, preTokenizerNames: ["refact", "dbrx"])
}

extension ModelNumber {
    /// A configuration that could have experts and has none; llama.cpp's converter writes their number and the width of a
    /// shared one all the same.
    fileprivate static let noExperts = {
        let (count, used) = ("num_local_experts", "num_experts_per_tok")
        return experts.kept(
            ConfigPlace(
                members: [count, used],
                read: { keys, _ in
                    guard let experts = try keys.integer(count), experts != 0 else { return }
                    throw CheckpointError.unsupportedFeature(
                        file: keys.file,
                        fact: "'\(count)' is \(experts), but only 0 is supported in this family")
                },
                write: { _, config in for key in [count, used] { config[key] = .integer(0) } }),
            MetadataPlace(
                keys: ["expert_shared_feed_forward_length"],
                write: { numbers throws(CheckpointError) in
                    [
                        ("expert_count", .u32(0)), ("expert_used_count", .u32(0)),
                        ("expert_shared_feed_forward_length", .count(numbers.feedForwardSize)),
                    ]
                }))
    }()

    /// Blocks that could be of state space, which they are where `config.json` does not say, and are of attention.
    fileprivate static let onlyAttention = {
        let (key, older) = ("layer_types", "layers_block_type")
        return ModelNumber(name: "kinds of blocks", parts: []).kept(
            ConfigPlace(
                members: [key, older],
                read: { keys, numbers in
                    let kinds =
                        try keys.texts(key) ?? keys.texts(older)
                        ?? [String](repeating: "mamba", count: min(numbers.blockCount, 1))
                    if let block = kinds.firstIndex(where: {
                        !["attention", "full_attention"].contains($0)
                    }) {
                        throw CheckpointError.unsupportedFeature(
                            file: keys.file,
                            fact: "\(key): block \(block) is '\(kinds[block])', but only "
                                + "'attention' is supported in this family")
                    }
                    guard kinds.count == numbers.blockCount else {
                        throw CheckpointError.contradiction(
                            file: keys.file,
                            fact:
                                "\(key) has \(kinds.count) entries for \(numbers.blockCount) blocks"
                        )
                    }
                },
                // The name that all releases of transformers and llama.cpp's converter know.
                write: { numbers, config in
                    config[key] = .array(
                        [JSONValue](repeating: .string("attention"), count: numbers.blockCount))
                }))
    }()
}
