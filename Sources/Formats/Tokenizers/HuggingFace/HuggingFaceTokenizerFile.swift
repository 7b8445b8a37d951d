/// One of the files in which a Hugging Face folder keeps its tokenizer.
package struct HuggingFaceTokenizerFile: Sendable, Equatable {
    package let name: String
    package let bytes: [UInt8]

    init(_ name: String, _ content: JSONValue) {
        self.name = name
        bytes = JSONWriter(.indented).bytes(content) + [0x0A]
    }

    init(_ name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}

extension TokenizerDefinition {
    /// The tokenizer as `tokenizer.json` and `tokenizer_config.json`, and for SentencePiece's byte-pair encoding as
    /// `tokenizer.model` as well, from which llama.cpp's converter takes the scores that `tokenizer.json` cannot hold.
    ///
    /// The `tokenizers` library reads the first; transformers' `AutoTokenizer` reads the first two, with the class that
    /// takes `tokenizer.json` as it is (the class of GPT-2 would put its own pre-tokenizer in place of SmolLM's).
    /// Padding entries (`[PADn]`, unused) are left out; `vocab_size` in `config.json` brings them back.
    /// What the files cannot say is lost: other unused and unknown tokens come back as normal and control ones; a
    /// turn's end that the GGUF file names.
    ///
    /// - Parameter file: what the error is about.
    /// - Returns: the files, not yet written.
    /// - Throws: `TokenizerError.unsupported` for a token that is not UTF-8, which JSON cannot hold, for scores that give
    ///   no order of merges, and for a character map of longest matches.
    package func huggingFaceFiles(file: String) throws(TokenizerError) -> [HuggingFaceTokenizerFile]
    {
        let writer = try TokenizerJSONWriter(self, file: file)
        return files(try writer.tokenizer(), writer.configuration())
    }

    /// The files, and what they do not hold, one line each.
    ///
    /// - Parameter config: the `config.json` beside them
    /// - Throws: as `huggingFaceFiles(file:)`; `TokenizerError.unsupported` where the files would turn ordinary texts into
    ///   other tokens.
    func huggingFaceOutput(config: JSONObject?, file: String) throws(TokenizerError) -> (
        files: [HuggingFaceTokenizerFile], losses: [String]
    ) {
        let writer = try TokenizerJSONWriter(self, file: file)
        let (tokenizer, configuration) = (try writer.tokenizer(), writer.configuration())
        var held = try TokenizerDefinition(
            tokenizer: tokenizer.object ?? JSONObject(),
            configuration: configuration.object ?? JSONObject(),
            vocabularySize: config?["vocab_size"]?.integer, file: file)
        held.generationEnds = endOfGeneration.sorted()
        let loss = try TokenizerLoss(from: self, to: held, file: file, format: "the folder")
        return (files(tokenizer, configuration), loss.notes)
    }

    private func files(
        _ tokenizer: JSONValue, _ configuration: JSONValue
    ) -> [HuggingFaceTokenizerFile] {
        var files = [
            HuggingFaceTokenizerFile("tokenizer.json", tokenizer),
            HuggingFaceTokenizerFile("tokenizer_config.json", configuration),
        ]
        if case .scoredPairs(let scores) = model {
            files.append(
                HuggingFaceTokenizerFile(
                    "tokenizer.model", bytes: sentencePieceModel(scores: scores)))
        }
        return files
    }

    /// Whether an entry only fills the vocabulary up.
    func isPadding(_ id: Int) -> Bool {
        kinds[id] == .unused && tokens[id].elementsEqual("[PAD\(id)]".utf8)
    }
}
