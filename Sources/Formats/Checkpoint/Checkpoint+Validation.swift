/// The one validation that every command asks: whether a checkpoint's numbers are possible and those of its tensors.
extension Checkpoint {
    /// Refuses a model whose numbers are impossible or contradict its tensors, its tokenizer or each other, and keys
    /// whose values are of another kind than every runtime reads there.
    ///
    /// What is merely not supported passes: files of unknown families and quantised folders can be copied and patched.
    ///
    /// - Throws: a `Failure` of kind `.input` that names the file, the key or tensor, and the numbers.
    package func validate() throws {
        switch source {
        case .gguf(let gguf): try MetadataKinds.check(gguf.metadata, file: path)
        case .huggingFace(let files):
            if let config = files.config {
                try ConfigKinds.check(config, file: files.folder + "/config.json")
            }
            if files.wrapper != nil, let text = files.modelConfig {
                try ConfigKinds.check(text, file: files.modelConfigName)
            }
        }
        // A file of a vocabulary alone has no weights that could contradict.
        guard architecture != nil, format == .safetensors || !tensors.isEmpty else { return }
        do {
            try checkVocabulary(storedHyperparameters())
        } catch let failure as any Failure where failure.kind == .unsupported {
            return
        }
    }

    /// Refuses a vocabulary that the embedding has not exactly one row for each token of, in a GGUF file, or not enough
    /// rows for, in a folder: there the matrix is often padded, and tokens that were added without a row are dropped
    /// where they are read.
    private func checkVocabulary(_ numbers: Hyperparameters) throws {
        let rows = numbers.vocabularySize
        switch source {
        case .gguf(let gguf):
            let size = (architecture?.name ?? "") + ".vocab_size"
            let facts = [
                ("is", size, gguf.metadata[size]?.integer),
                (
                    "counts", GGUFTokenizerKey.tokens,
                    gguf.metadata[GGUFTokenizerKey.tokens]?.array?.strings?.count
                ),
            ]
            for (verb, key, count) in facts {
                guard let count, count != rows else { continue }
                throw CheckpointError.contradiction(
                    file: path,
                    fact: "'\(key)' \(verb) \(count), but the embedding has \(rows) rows")
            }
        case .huggingFace(let files):
            let folder = HuggingFaceTokenizerFolder(path: files.folder)
            // A tokenizer that cannot be read is the matter of who needs it.
            guard let tokens = try? folder.vocabularyCount(), tokens > rows else { return }
            throw CheckpointError.contradiction(
                file: folder.path("tokenizer.json"),
                fact: "its vocabulary has \(tokens) tokens, but the embedding has \(rows) rows")
        }
    }
}

extension HuggingFaceTokenizerFolder {
    /// How many tokens the model in `tokenizer.json` has without those that are added; nil where there is no such file.
    fileprivate func vocabularyCount() throws -> Int? {
        switch try object("tokenizer.json")?["model"]?.object?["vocab"] {
        case .object(let vocabulary): vocabulary.members.count
        case .array(let vocabulary): vocabulary.count
        default: nil
        }
    }
}
