/// Builds the rules of a family from the short names its modules have: a family's file lists what stands in a block,
/// in the order of transformers' modules.
struct BlockNames: Sendable {
    /// What stands before a block's number in a Hugging Face file.
    var layers = "model.layers"
    /// Which blocks have the weights.
    var holders = WeightRule.Holders.all

    /// A weight of the blocks, by its names inside a block; nil where a format has no such tensor.
    func rule(
        _ slot: BlockSlot, _ huggingFace: String?, _ gguf: String?,
        _ shape: [WeightRule.Dimension],
        presence: WeightRule.Presence = .required, bias: WeightRule.Bias? = nil,
        transform: WeightRule.Transform = .none, bareNames: Set<FileFormat> = [],
        takesScale: Bool = true
    ) -> WeightRule {
        WeightRule(
            .blocks(slot), in: holders, huggingFace: huggingFace.map { "\(layers).#.\($0)" },
            gguf: gguf.map { "blk.#.\($0)" },
            shape: shape, presence: presence, bias: bias, transform: transform,
            bareNames: bareNames, takesScale: takesScale)
    }

    /// A norm of the stream's width.
    func norm(
        _ slot: BlockSlot, _ huggingFace: String, _ gguf: String, _ norm: NormRule = NormRule(),
        presence: WeightRule.Presence = .required
    ) -> WeightRule {
        rule(
            slot, huggingFace, gguf, [.hidden], presence: presence, bias: norm.bias,
            transform: norm.transform)
    }

    /// The norms before attention and before the feed-forward part.
    func inputNorms(
        _ rule: NormRule = NormRule(), second: WeightRule.Presence = .required
    ) -> [WeightRule] {
        [
            norm(.attentionNorm, "input_layernorm", "attn_norm", rule),
            norm(
                .feedForwardNorm, "post_attention_layernorm", "ffn_norm", rule, presence: second),
        ]
    }

    /// Query, key, value and output projections.
    ///
    /// - Parameter permutes: whether llama.cpp permutes the rows of query and key.
    func attention(
        bias: WeightRule.Bias? = nil, outputBias: WeightRule.Bias? = nil, permutes: Bool = false
    ) -> [WeightRule] {
        func rows(_ heads: WeightRule.Heads) -> WeightRule.Transform {
            permutes ? .rotaryRows(heads: heads) : .none
        }
        return [
            rule(
                .attentionQuery, "self_attn.q_proj", "attn_q", [.queryWidth, .hidden], bias: bias,
                transform: rows(.query)),
            rule(
                .attentionKey, "self_attn.k_proj", "attn_k", [.keyValueWidth, .hidden], bias: bias,
                transform: rows(.keyValue)),
            rule(
                .attentionValue, "self_attn.v_proj", "attn_v", [.keyValueWidth, .hidden], bias: bias
            ),
            rule(
                .attentionOutput, "self_attn.o_proj", "attn_output", [.hidden, .queryWidth],
                bias: outputBias),
        ]
    }

    /// Norms of queries and keys, of one head's width or of all heads' together.
    func queryKeyNorms(ofHeads: Bool, _ norm: NormRule = NormRule()) -> [WeightRule] {
        [
            rule(
                .attentionQueryNorm, "self_attn.q_norm", "attn_q_norm",
                [ofHeads ? .headSize : .queryWidth], transform: norm.transform),
            rule(
                .attentionKeyNorm, "self_attn.k_norm", "attn_k_norm",
                [ofHeads ? .headSize : .keyValueWidth], transform: norm.transform),
        ]
    }

    /// Gate, up and down projections.
    func gatedFeedForward(bias: WeightRule.Bias? = nil) -> [WeightRule] {
        [
            rule(
                .feedForwardGate, "mlp.gate_proj", "ffn_gate", [.feedForward, .hidden], bias: bias),
            rule(.feedForwardUp, "mlp.up_proj", "ffn_up", [.feedForward, .hidden], bias: bias),
            rule(
                .feedForwardDown, "mlp.down_proj", "ffn_down", [.hidden, .feedForward], bias: bias),
        ]
    }

    /// Gate and up in one matrix in a Hugging Face file and each by itself in a GGUF file, and the down projection.
    func gatedFeedForward(
        fusedInHuggingFace fused: String, down: String, downBias: WeightRule.Bias? = nil
    ) -> [WeightRule] {
        [
            rule(.feedForwardGateUp, fused, nil, [.gateUpWidth, .hidden]),
            rule(.feedForwardGate, nil, "ffn_gate", [.feedForward, .hidden]),
            rule(.feedForwardUp, nil, "ffn_up", [.feedForward, .hidden]),
            rule(
                .feedForwardDown, down, "ffn_down", [.hidden, .feedForward], bias: downBias),
        ]
    }

    /// A router and the three projections of each expert.
    func experts(_ module: String, gate: String, up: String, down: String) -> [WeightRule] {
        let inner: [WeightRule.Dimension] = [.experts, .expertFeedForward, .hidden]
        return [
            rule(.expertRouter, "\(module).gate", "ffn_gate_inp", [.experts, .hidden]),
            rule(.expertGate, "\(module).experts.@.\(gate)", "ffn_gate_exps", inner),
            rule(.expertUp, "\(module).experts.@.\(up)", "ffn_up_exps", inner),
            rule(
                .expertDown, "\(module).experts.@.\(down)", "ffn_down_exps",
                [.experts, .hidden, .expertFeedForward]),
        ]
    }

    /// What is added to experts' scores where they are chosen.
    ///
    /// - Parameter name: the whole name in a folder.
    func expertChoiceBias(_ name: String) -> WeightRule {
        rule(
            .expertChoiceBias, name, "exp_probs_b.bias", [.experts],
            bareNames: [.gguf, .safetensors])
    }

    /// The feed-forward part beside the experts.
    ///
    /// - Parameter router: the name in a folder of the row whose sigmoid it is multiplied by; nil where there is none.
    func sharedExpert(_ module: String, router: String? = nil) -> [WeightRule] {
        let inner: [WeightRule.Dimension] = [.sharedExpertFeedForward, .hidden]
        return [
            rule(.sharedExpertGate, "\(module).gate_proj", "ffn_gate_shexp", inner),
            rule(.sharedExpertUp, "\(module).up_proj", "ffn_up_shexp", inner),
            rule(
                .sharedExpertDown, "\(module).down_proj", "ffn_down_shexp",
                [.hidden, .sharedExpertFeedForward]),
        ]
            + (router.map {
                [rule(.sharedExpertRouter, $0, "ffn_gate_inp_shexp", [.one, .hidden])]
            } ?? [])
    }
}

/// What all norms of a family have in common.
struct NormRule: Sendable {
    var bias: WeightRule.Bias?
    var transform = WeightRule.Transform.none

    /// LayerNorm, which has a bias.
    static let layer = NormRule(bias: .always)
    /// Gemma's, whose weights are what is added to 1.
    static let plusOne = NormRule(transform: .plusOne)
}

/// The names of the weights outside the blocks.
struct ModelNames: Sendable {
    var embedding = "model.embed_tokens"
    var norm = "model.norm"
    var head = "lm_head"
    var headInGGUF = HeadInGGUF.unlessTied
    var normInGGUF = "output_norm"

    /// When llama.cpp's loader of the family takes a head of its own, `output.weight`.
    enum HeadInGGUF {
        /// Where there is one; the embedding takes its place else.
        case unlessTied
        /// In every file: one without it does not load.
        case always
        /// Never: a file that has one does not load.
        case never
    }

    /// Embedding, a block's rules, last norm and head.
    ///
    /// - Parameter divisors: lists of rotary divisors, which GGUF files keep as tensors.
    func model(
        blocks: [WeightRule], norm rule: NormRule = NormRule(), positions: WeightRule? = nil,
        divisors: [(WeightRole.Slot, String)] = []
    ) -> [WeightRule] {
        let lists = divisors.map { slot, name in
            WeightRule(
                .model(slot), huggingFace: nil, gguf: name, shape: [.rotaryPairs],
                presence: .optional)
        }
        let start = WeightRule(
            .model(.tokenEmbedding), huggingFace: embedding, gguf: "token_embd",
            shape: [.vocabulary, .hidden])
        let end = [
            WeightRule(
                .model(.outputNorm), huggingFace: norm, gguf: normInGGUF, shape: [.hidden],
                bias: rule.bias, transform: rule.transform),
            WeightRule(
                .model(.output), huggingFace: head, gguf: headInGGUF == .never ? nil : "output",
                shape: [.vocabulary, .hidden],
                presence: headInGGUF == .always ? .unlessTiedInHuggingFace : .unlessTied),
        ]
        return lists + [start] + (positions.map { [$0] } ?? []) + blocks + end
    }

    /// Llama 3's divisors of the rotary frequencies.
    static let llama3Divisors: [(WeightRole.Slot, String)] = [(.ropeFrequencies, "rope_freqs")]
}
