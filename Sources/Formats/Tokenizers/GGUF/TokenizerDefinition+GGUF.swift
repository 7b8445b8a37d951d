extension TokenizerDefinition {
    /// Reads the tokenizer in a GGUF file's metadata.
    ///
    /// The file says less than `tokenizer.json`: a byte-level vocabulary has no normalizer (none is used), and whether
    /// pieces that are tokens are kept whole follows from the pre-tokenizer's name. Where a key is missing, llama.cpp's
    /// defaults hold: every token normal; for byte-level vocabularies no beginning of text unless the name is Llama 3's
    /// or Tekken's, no end of text, no space prefix; for SentencePiece's byte-pair encoding (`llama`) a space prefix,
    /// the beginning of text added, and the ids 1, 2 and 0 for the ends and the unknown token; for unigram models
    /// (`t5`) the end of text added, and the ids 1, 2 and 0 for it, the unknown token and padding. Texts of Gemma 4
    /// (`gemma4`) always get the beginning of text. Special tokens of a
    /// byte-level vocabulary that the file does not name stay nil (llama.cpp falls back to id 11).
    ///
    /// - Parameters:
    ///   - metadata: all of the file's metadata
    ///   - file: the file's path, for errors
    /// - Throws: `TokenizerError.unsupported` for another model or pre-tokenizer, naming it; any other case
    ///   where the arrays do not fit together.
    package init(metadata: GGUFMetadata, file: String) throws(TokenizerError) {
        let reader = GGUFTokenizerReader(metadata: metadata, file: file)
        let model = try reader.text(GGUFTokenizerKey.model)
        switch model {
        case "gpt2": self = try reader.byteLevel()
        case "llama": self = try reader.scoredPairs()
        case "t5": self = try reader.unigram()
        case "gemma4": self = try reader.scalarPairs()
        default:
            throw .unsupported(
                file: file, key: GGUFTokenizerKey.model, found: "'\(model)'",
                supported:
                    "gpt2 (byte-level byte-pair encoding), llama (SentencePiece's byte-pair encoding), gemma4 (byte-pair "
                    + "encoding over scalars), t5 (unigram)"
            )
        }
        try checkConsistency(file: file)
    }
}
