import Formats

/// The tokens at which a model stops: which ones they are, files say only in part.
enum EndOfGeneration {
    /// Texts by which llama.cpp knows such tokens (`src/llama-vocab.cpp`).
    private static let texts: Set<String> = [
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
        "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
        "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
        "<｜end▁of▁sentence｜>", "[e~[",
        // A model that writes these would go on with another file: padding, repository, separator.
        "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]", "<|fim_repo|>", "<|repo_name|>",
        "<fim-repo>", "<REPO>", "<reponame>", "<|file_sep|>",
    ]

    /// The ids: the file's end of text and end of turn, and every added token with one of the known texts.
    ///
    /// An ordinary token that reads like one (`</s>` in a vocabulary trained on HTML) does not end anything.
    static func ids(of definition: TokenizerDefinition) -> Set<Int> {
        var ids = Set([definition.endOfText, definition.endOfTurn].compactMap { $0 })
        for (id, kind) in definition.kinds.enumerated()
        where kind == .control || kind == .userDefined {
            if texts.contains(definition.tokens.text(id)) { ids.insert(id) }
        }
        return ids
    }
}
