/// The tokens at which a model stops: which ones they are, files say only in part.
enum EndOfGeneration {
    /// Texts by which llama.cpp knows such tokens (`src/llama-vocab.cpp`).
    static let texts: Set<String> = [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
        "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
        "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
        "<｜end▁of▁sentence｜>", "[e~[",
        // A model that writes these would go on with another file: padding, repository, separator.
        "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]", "<|fim_repo|>", "<|repo_name|>",
        "<fim-repo>", "<REPO>", "<reponame>", "<|file_sep|>",
    ]

    /// Texts by which llama.cpp knows the one token that ends a turn.
    static let turnTexts: Set<String> = [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>",
        "<EOT>", "_<EOT>", "[EOT]", "<｜end▁of▁sentence｜>", "<end_of_utterance>",
    ]
}

extension TokenizerDefinition {
    /// The ids at which generation ends: the files' end of text, of a turn and of a message, those that
    /// `generation_config.json` lists, and every added token with one of the texts that llama.cpp knows.
    ///
    /// An ordinary token that reads like one (`</s>` in a vocabulary trained on HTML) does not end anything.
    package var endOfGeneration: Set<Int> {
        var ids = Set([endOfText, endOfTurn, endOfMessage].compactMap { $0 } + generationEnds)
        for (id, kind) in kinds.enumerated() where kind == .control || kind == .userDefined {
            if EndOfGeneration.texts.contains(tokens.text(id)) { ids.insert(id) }
        }
        return ids
    }
}
