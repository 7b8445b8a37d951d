/// What a matrix is for, as far as mixes of types tell matrices apart: by its name in a GGUF file.
package enum TensorCategory: Sendable, Hashable {
    case tokenEmbedding
    /// The head.
    case output
    /// Values, alone or fused with queries and keys.
    case attentionValue
    case attentionKey
    case attentionQuery
    case attentionOutput
    case feedForwardDown
    case feedForwardGate
    case feedForwardUp
    case other

    package init(named name: String) {
        switch name {
        case "output.weight": self = .output
        case "token_embd.weight", "per_layer_token_embd.weight": self = .tokenEmbedding
        default: self = Self.parts.first { name.contains($0.part) }?.category ?? .other
        }
    }

    private static let parts: [(part: String, category: TensorCategory)] = [
        ("attn_qkv.weight", .attentionValue), ("attn_kv_b.weight", .attentionValue),
        ("attn_v.weight", .attentionValue), ("attn_k.weight", .attentionKey),
        ("attn_q.weight", .attentionQuery), ("attn_output.weight", .attentionOutput),
        ("ffn_up", .feedForwardUp), ("ffn_gate", .feedForwardGate), ("ffn_down", .feedForwardDown),
    ]
}

/// Which tensors of a GGUF file `llama-quantize` takes other types for.
package enum QuantizableTensor {
    /// Whether a tensor of this name and shape, outputs first, is quantised: weights of two dimensions or more, but for
    /// small ones that spoil much, such as the routers of experts. A single row has one dimension.
    package static func isQuantizable(_ name: String, shape: [Int]) -> Bool {
        shape.drop { $0 == 1 }.count >= 2 && name.hasSuffix("weight")
            && !spared.contains(where: name.contains) && !sparedNames.contains(name)
    }

    private static let sparedNames: Set<String> = ["position_embd.weight", "token_types.weight"]

    /// Parts of the names of tensors that stay as they are.
    private static let spared: [String] =
        [
            "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel",
            "per_layer_model_proj", "ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight",
            "indexer.q_proj.weight", "attn_rel_b.weight",
        ] + recurrent + otherInputs

    /// Of recurrent families (RWKV).
    private static let recurrent = [
        "first", "w0", "w1", "w2", "v0", "v1", "v2", "a0", "a1", "a2", "g1", "g2", "decay_w1",
        "decay_w2", "lerp_fused",
    ].map { "time_mix_\($0).weight" }

    /// Of encoders of pictures and sound.
    private static let otherInputs = [
        ".position_embd", "sam.pos_embd", "sam.neck.", "sam.net_", ".rel_pos", ".patch_embd",
        ".patch_merger", "a.rvq.codebook", "mm.a.code_embd",
    ]
}
