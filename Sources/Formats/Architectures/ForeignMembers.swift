/// Members of `config.json` with which some families change the numbers, for families that know them not.
///
/// transformers passes over a member that a family's configuration does not have. A file that has one all the same was
/// meant for other code, so rtedit refuses it by name unless its value changes nothing. Members in no list are junk that
/// training tools leave behind; `inspect` and `convert` name them.
enum ForeignMembers {
    /// Which value of each changes nothing. From the configurations of transformers 5.23's decoders.
    static let neutral: [String: Neutral] = windows.merging(scales) { $1 }
        .merging(positions) { $1 }.merging(attention) { $1 }.merging(experts) { $1 }
        .merging(blocks) { $1 }

    /// Which positions a block sees, beside `layer_types`.
    private static let windows: [String: Neutral] = [
        "sliding_window": .absent, "sliding_window_size": .absent, "use_sliding_window": .absent,
        "sliding_window_pattern": .absent, "window_size": .absent,
        "attention_window_size": .absent, "local_attention": .absent,
        "local_attention_window_len": .absent, "attention_chunk_size": .absent,
        "attention_types": .absent, "attention_layers": .only([.string("global")]),
        "global_attn_every_n_layers": .only([.integer(0), .integer(1)]),
        "use_bidirectional_attention": .absent, "is_causal": .yes, "causal": .yes,
        "prefix_lm": .absent, "full_attn_mod": .one,
    ]

    private static let scales: [String: Neutral] = [
        "attn_logit_softcapping": .absent, "final_logit_softcapping": .absent,
        "attn_logit_cap": .absent, "attention_logit_cap": .absent, "logits_soft_cap": .absent,
        "output_logit_soft_cap": .absent, "final_logit_softcap": .absent,
        "router_logit_softcapping": .absent, "moe_router_logit_softcapping": .absent,
        "query_pre_attn_scalar": .absent, "embedding_multiplier": .one,
        "embedding_scale": .one, "scale_embedding": .absent, "scale_emb": .one,
        "scale_depth": .absent, "dim_model_base": .absent, "residual_multiplier": .one,
        "residual_scale": .one, "attention_multiplier": .absent, "attention_scale": .absent,
        "attn_scale": .absent, "attention_value_scale": .one, "attention_in_multiplier": .one,
        "attention_out_multiplier": .one, "key_multiplier": .one, "mlp_multipliers": .one,
        "logits_scaling": .one, "logit_scale": .one, "lm_head_multiplier": .one,
        "output_multiplier": .one, "logits_mup_width_multiplier": .one,
        "mup_enabled": .absent, "use_mup": .absent, "mup_width_scale": .one,
        "mup_embeddings_multiplier": .one, "qk_scale_factor": .one, "normalize_embedding": .absent,
    ]

    private static let positions: [String: Neutral] = [
        "rope_scaling": .absent, "rope_parameters": .absent,
        "rope_theta": .only([.integer(10_000)]), "rope_local_base_freq": .absent,
        "rotary_emb_base": .only([.integer(10_000)]), "rotary_pct": .one, "rope_pct": .one,
        "rope_percent": .one, "rotary_percentage": .one, "partial_rotary_factor": .one,
        "rotary_dim": .absent, "rope_dim": .absent, "rope_ratio": .one,
        "rotary_scaling_factor": .one, "rotary_emb_scale_base": .absent,
        "rope_scaling_factor": .one, "rope_interleaved": .absent, "rope_interleave": .absent,
        "rotary_emb_interleaved": .absent, "no_rope_layers": .one,
        "no_rope_layer_interval": .absent, "nope_layer_interval": .absent,
        "layer_rope_theta": .absent, "global_rope_theta": .absent, "local_rope_theta": .absent,
        "swa_rope_theta": .absent, "compress_rope_theta": .absent, "use_rope": .yes,
        "alibi": .absent, "use_alibi": .absent, "learned_pos_emb": .absent,
        "use_mem_rope": .absent, "rotary_value": .absent,
        "position_embedding_type": .texts("rope", "rotary", "learned", "absolute"),
        "interpolate_factor": .one,
    ]

    private static let attention: [String: Neutral] = [
        "attention_bias": .absent, "attention_out_bias": .absent, "qkv_bias": .absent,
        "use_qkv_bias": .absent, "add_qkv_bias": .absent, "mlp_bias": .absent,
        "use_bias": .absent, "enable_bias": .absent, "add_bias_linear": .absent,
        "bias": .absent, "lm_head_bias": .absent, "projectors_bias": .absent,
        "qk_layernorm": .absent, "use_qk_norm": .absent, "qk_norm": .absent,
        "use_qk_layernorm": .absent, "clip_qkv": .absent, "qk_l2_clip_threshold": .absent,
        "attention_sinks": .absent, "attention_sink": .absent, "use_attention_sinks": .absent,
        "learnable_sink_init": .absent, "attention_k_eq_v": .absent,
        "attn_temperature_tuning": .absent, "attention_gate": .absent,
        "attn_output_gate": .absent, "use_attention_gate": .absent, "gating": .absent,
        "num_kv_shared_layers": .absent, "q_lora_rank": .absent, "kv_lora_rank": .absent,
        "qk_rope_head_dim": .absent, "qk_nope_head_dim": .absent, "multi_query": .absent,
        "lambda_std_dev": .absent, "scale_attn_by_inverse_layer_idx": .absent,
        "num_attention_heads_per_layer": .absent, "add_cross_attention": .absent,
    ]

    private static let experts: [String: Neutral] = [
        "num_experts": oneOrNone, "num_local_experts": oneOrNone, "n_routed_experts": oneOrNone,
        "moe_num_experts": oneOrNone, "n_shared_experts": .absent, "num_shared_experts": .absent,
        "shared_expert_intermediate_size": .absent, "moe_num_shared_experts": .absent,
        "shared_intermediate_size": .absent, "enable_moe_block": .absent,
        "first_k_dense_replace": .absent, "num_dense_layers": .absent,
        "mlp_layer_types": .texts("dense"), "moe_layers": .absent, "swiglu_limit": .absent,
        "swiglu_alpha": .absent,
    ]

    /// How tokens are led to experts, for families that have some.
    private static let routing: [String: Neutral] = [
        "scoring_func": .texts("softmax"), "expert_selection_fn": .texts("softmax"),
        "routed_scaling_factor": .one, "route_scale": .one, "moe_routed_scaling_factor": .one,
        "router_scaling_factor": .one, "use_expert_bias": .absent, "n_group": oneOrNone,
        "topk_group": oneOrNone, "num_expert_group": oneOrNone, "norm_topk_prob": .yes,
        "moe_renormalize": .yes, "mlp_only_layers": .absent, "decoder_sparse_step": .one,
        "moe_apply_router_weight_on_input": .absent, "zero_expert_num": .absent,
    ]

    private static let oneOrNone = Neutral.only([.integer(0), .integer(1)])

    /// How a block and the whole model are put together.
    private static let blocks: [String: Neutral] = [
        "per_layer_config": .absent, "use_parallel_residual": .absent, "parallel_attn": .absent,
        "new_decoder_architecture": .absent, "do_layer_norm_before": .yes,
        "apply_residual_connection_post_layernorm": .absent, "use_post_norm": .absent,
        "use_sandwich_norm": .absent, "post_norm": .absent, "layer_norm_elementwise_affine": .yes,
        "norm_type": .texts("rms_norm", "rmsnorm", "layer_norm", "layernorm"),
        "mlp_type": .texts("default", "gated"), "pruned_heads": .absent,
        "hidden_size_per_layer_input": .absent, "altup_num_inputs": .absent,
        "laurel_rank": .absent, "use_double_wide_mlp": .absent, "num_loops": .one,
        "word_embed_proj_dim": .absent, "mamba_d_state": .absent, "linear_conv_kernel_dim": .absent,
        "full_attention_interval": .one, "layers_block_type": .texts("attention", "full_attention"),
        "attn_layer_indices": .absent, "is_encoder_decoder": .absent, "use_mrope": .absent,
    ]

    /// Refuses members that change the numbers elsewhere and are not known to the family.
    ///
    /// - Throws: `CheckpointError.unsupportedFeature` naming the member, its value and those that change nothing.
    static func check(
        _ keys: ConfigKeys, _ architecture: Architecture, _ numbers: Hyperparameters
    ) throws(CheckpointError) {
        let known = architecture.configMembers.union(architecture.config.implied)
        for member in keys.config.members where !known.contains(member.key) {
            if member.key == "layer_types" {
                try checkLayers(member.value, numbers, keys.file)
                continue
            }
            let rule = neutral[member.key] ?? (architecture.hasExperts ? routing[member.key] : nil)
            guard let rule, !rule.allows(member.value) else { continue }
            if repeats(member, numbers.rope, headSize: numbers.headSize) { continue }
            // Gemma 2's published files have a second name for the window.
            if member.key.hasPrefix("sliding_window"),
                isUnused(member.value, keys.config, numbers)
            {
                continue
            }
            throw .unsupportedFeature(
                file: keys.file,
                fact: "'\(member.key)' is \(JSONWriter().text(member.value)), but only "
                    + "\(rule.description) is supported in a '\(architecture.huggingFaceModelType)'"
            )
        }
    }

    /// Whether a rotary member says once more what the family has under another name: transformers 4.57 wrote GPT-NeoX's
    /// twice.
    private static func repeats(
        _ member: JSONObject.Member, _ rope: RopeParameters, headSize: Int
    ) -> Bool {
        switch member.key {
        case "rope_theta": member.value.number == rope.base
        case "partial_rotary_factor":
            member.value.number.map { Double(headSize) * $0 } == Double(rope.dimensions)
        default: false
        }
    }

    /// Whether a window is the model's own, switched off, or longer than any sequence.
    private static func isUnused(
        _ window: JSONValue, _ config: JSONObject, _ numbers: Hyperparameters
    ) -> Bool {
        config["use_sliding_window"] == .bool(false)
            || window.integer.map { $0 == numbers.shortestWindow } ?? false
            || window.integer ?? 0 >= numbers.contextLength
    }

    /// Kinds of attention are no news where they are the family's own.
    private static func checkLayers(
        _ value: JSONValue, _ numbers: Hyperparameters, _ file: String
    ) throws(CheckpointError) {
        guard value != .null else { return }
        let kinds = value.array ?? [value]
        for (block, kind) in kinds.enumerated() {
            let isWindowed = numbers.kind(ofBlock: block).window != nil
            let own = isWindowed ? ["sliding_attention"] : ["full_attention", "attention"]
            guard let text = kind.string, own.contains(text) else {
                throw .unsupportedFeature(
                    file: file,
                    fact: "layer_types: block \(block) is \(JSONWriter().text(kind)), but "
                        + "'\(own[0])' is all that the family has there")
            }
        }
    }
}
