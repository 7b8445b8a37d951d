extension Architecture {
    /// GPT-2: learned positions, LayerNorm, biases everywhere; Hugging Face stores its matrices transposed.
    package static let gpt2 = Architecture(
        name: "gpt2", huggingFaceModelType: "gpt2", huggingFaceClass: "GPT2LMHeadModel",
        norm: .layer, positions: .learned, activation: .geluTanh,
        weights: ModelNames(embedding: "transformer.wte", norm: "transformer.ln_f").model(
            blocks: gpt2Block, norm: .layer,
            positions: WeightRule(
                .model(.positionEmbedding), huggingFace: "transformer.wpe", gguf: "position_embd",
                shape: [.positions, .hidden])),
        config: gpt2Config,
        metadata: MetadataFormat(order: [
            MetadataFormat.general, "block_count", "context_length", "embedding_length",
            "feed_forward_length", "attention.head_count", "attention.layer_norm_epsilon",
            MetadataFormat.fileType,
        ]), folderNames: .optional("transformer."))

    private static let gpt2Config = ConfigFormat(
        blockCount: "n_layer", hiddenSize: "n_embd", feedForwardSize: "n_inner",
        headCount: "n_head", keyValueHeadCount: nil, contextLength: "n_positions",
        activation: "activation_function", standardActivation: "gelu_new", feedForwardMultiple: 4,
        standard: ["tie_word_embeddings": .bool(true)],
        only: [
            ("scale_attn_weights", .bool(true)), ("add_cross_attention", .bool(false)),
            ("scale_attn_by_inverse_layer_idx", .bool(false)),
        ], copies: [("n_ctx", "n_positions")]
    ).withLayerNorm("layer_norm_epsilon").sized(
        vocabulary: 50_257, width: 768, feedForward: nil, blocks: 12, heads: 12, context: 1024)

    private static let gpt2Block: [WeightRule] = {
        let block = BlockNames(layers: "transformer.h")
        func projection(
            _ slot: BlockSlot, _ huggingFace: String, _ gguf: String,
            _ shape: [WeightRule.Dimension]
        ) -> WeightRule {
            block.rule(slot, huggingFace, gguf, shape, bias: .always, transform: .transposed)
        }
        return [
            block.norm(.attentionNorm, "ln_1", "attn_norm", .layer),
            projection(
                .attentionQueryKeyValue, "attn.c_attn", "attn_qkv", [.queryKeyValueWidth, .hidden]),
            projection(.attentionOutput, "attn.c_proj", "attn_output", [.hidden, .queryWidth]),
            block.norm(.feedForwardNorm, "ln_2", "ffn_norm", .layer),
            projection(.feedForwardUp, "mlp.c_fc", "ffn_up", [.feedForward, .hidden]),
            projection(.feedForwardDown, "mlp.c_proj", "ffn_down", [.hidden, .feedForward]),
        ]
    }()
}
