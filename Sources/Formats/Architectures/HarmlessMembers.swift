/// Members of `config.json` that change no number of a model: what transformers 5.23 and 4 write about training, generation,
/// classification heads and the file itself.
enum HarmlessMembers {
    static let all = Set(
        """
        architectures model_type transformers_version torch_dtype dtype name_or_path auto_map
        use_cache initializer_range initializer_factor init_std pretraining_tp tokenizer_class
        attention_dropout hidden_dropout classifier_dropout embd_pdrop resid_pdrop attn_pdrop
        emb_pdrop embedding_dropout residual_dropout resid_dropout dropout layerdrop
        hidden_dropout_prob attention_probs_dropout_prob summary_activation summary_first_dropout
        summary_last_dropout summary_proj_to_labels summary_type summary_use_proj
        bos_token_id eos_token_id pad_token_id sep_token_id unk_token_id decoder_start_token_id
        forced_bos_token_id forced_eos_token_id image_token_id image_token_index
        output_attentions output_hidden_states output_scores return_dict return_dict_in_generate
        id2label label2id num_labels problem_type finetuning_task task_specific_params prefix
        chunk_size_feed_forward is_decoder tie_encoder_decoder cross_attention_hidden_size
        tie_last_hidden_states torchscript use_bfloat16 tf_legacy_loss gradient_checkpointing
        max_length min_length do_sample early_stopping num_beams num_beam_groups
        diversity_penalty temperature top_k top_p typical_p repetition_penalty length_penalty
        no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids num_return_sequences
        remove_invalid_values exponential_decay_length_penalty suppress_tokens
        begin_suppress_tokens max_new_tokens generation_config cache_implementation
        reorder_and_upcast_attn attention_softmax_in_fp32 scale_attention_softmax_in_fp32
        output_router_logits router_aux_loss_coef router_z_loss_coef router_jitter_noise
        hidden_act hidden_activation activation_function
        max_window_layers use_flash_attn use_flash_attention attn_implementation
        quantization_config quantization compression_config
        """.split(whereSeparator: \.isWhitespace).map(String.init))

    /// Whether a member is checked by its value, see `ForeignMembers`.
    static func isForeign(_ key: String) -> Bool {
        key == "layer_types" || ForeignMembers.neutral[key] != nil
    }
}
