extension Architecture {
    /// Llama 1 to 3, TinyLlama, SmolLM, Yi and every other model that transformers opens as `LlamaForCausalLM`.
    ///
    /// RMSNorm before attention and before a SwiGLU feed-forward part, grouped-query attention with rotary
    /// positions. llama.cpp permutes the rows of query and key, weights and biases alike.
    public static let llama = Architecture(
        name: "llama",
        huggingFaceModelType: "llama",
        huggingFaceClass: "LlamaForCausalLM",
        weights: [
            WeightRule(
                .model(.ropeFrequencies), huggingFace: nil, gguf: "rope_freqs",
                shape: [.rotaryPairs],
                presence: .optional),
            WeightRule(
                .model(.tokenEmbedding), huggingFace: "model.embed_tokens", gguf: "token_embd",
                shape: [.vocabulary, .hidden]),
            WeightRule(
                .everyBlock(.attentionNorm), huggingFace: "model.layers.#.input_layernorm",
                gguf: "blk.#.attn_norm", shape: [.hidden]),
            WeightRule(
                .everyBlock(.attentionQuery), huggingFace: "model.layers.#.self_attn.q_proj",
                gguf: "blk.#.attn_q", shape: [.queryWidth, .hidden], biasFlag: "attention_bias",
                transform: .rotaryRows(heads: .query)),
            WeightRule(
                .everyBlock(.attentionKey), huggingFace: "model.layers.#.self_attn.k_proj",
                gguf: "blk.#.attn_k", shape: [.keyValueWidth, .hidden], biasFlag: "attention_bias",
                transform: .rotaryRows(heads: .keyValue)),
            WeightRule(
                .everyBlock(.attentionValue), huggingFace: "model.layers.#.self_attn.v_proj",
                gguf: "blk.#.attn_v", shape: [.keyValueWidth, .hidden], biasFlag: "attention_bias"),
            WeightRule(
                .everyBlock(.attentionOutput), huggingFace: "model.layers.#.self_attn.o_proj",
                gguf: "blk.#.attn_output", shape: [.hidden, .queryWidth], biasFlag: "attention_bias"
            ),
            WeightRule(
                .everyBlock(.feedForwardNorm),
                huggingFace: "model.layers.#.post_attention_layernorm", gguf: "blk.#.ffn_norm",
                shape: [.hidden]),
            WeightRule(
                .everyBlock(.feedForwardGate), huggingFace: "model.layers.#.mlp.gate_proj",
                gguf: "blk.#.ffn_gate", shape: [.feedForward, .hidden], biasFlag: "mlp_bias"),
            WeightRule(
                .everyBlock(.feedForwardUp), huggingFace: "model.layers.#.mlp.up_proj",
                gguf: "blk.#.ffn_up", shape: [.feedForward, .hidden], biasFlag: "mlp_bias"),
            WeightRule(
                .everyBlock(.feedForwardDown), huggingFace: "model.layers.#.mlp.down_proj",
                gguf: "blk.#.ffn_down", shape: [.hidden, .feedForward], biasFlag: "mlp_bias"),
            WeightRule(
                .model(.outputNorm), huggingFace: "model.norm", gguf: "output_norm",
                shape: [.hidden]),
            WeightRule(
                .model(.output), huggingFace: "lm_head", gguf: "output",
                shape: [.vocabulary, .hidden],
                presence: .unlessTied),
        ],
        residualPath: .direct
    )
}
