import Glibc

extension TokenizerDefinition {
    /// Reads the tokenizer of a Hugging Face folder: `tokenizer.json`, and beside it, where they exist,
    /// `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`, the files of chat templates, and
    /// `generation_config.json`, which says where generation ends.
    ///
    /// Which file decides what is as in transformers: see `HuggingFaceTokenizerFolder` and `AddedTokenList`.
    ///
    /// A folder without `tokenizer.json` is read by its `tokenizer.model`, with SentencePiece's own rules.
    ///
    /// - Parameters:
    ///   - folder: the folder's path
    ///   - vocabularySize: `vocab_size` of `config.json`; ids that no token has become unused `[PADn]` entries,
    ///     as llama.cpp's converter writes them
    /// - Returns: the checked definition.
    /// - Throws: `FileError` or `JSONError` where a file cannot be read, `TokenizerError.unsupported` for a model,
    ///   normalizer, pre-tokenizer or post-processor that is not exactly one of ours, naming what was found.
    package static func read(folder: String, vocabularySize: Int? = nil) throws
        -> TokenizerDefinition
    {
        try read(HuggingFaceTokenizerFolder(path: folder), vocabularySize: vocabularySize)
    }

    static func read(_ folder: HuggingFaceTokenizerFolder, vocabularySize: Int?) throws
        -> TokenizerDefinition
    {
        guard let tokenizer = try folder.object("tokenizer.json") else {
            guard folder.has("tokenizer.model") else {
                throw FileError.cannotOpen(
                    path: folder.path("tokenizer.json"), reason: SystemReason(code: ENOENT))
            }
            var definition = try SentencePieceConversion(
                folder: folder, vocabularySize: vocabularySize
            ).definition()
            try definition.readGeneration(folder)
            return definition
        }
        var definition = try TokenizerDefinition(
            tokenizer: tokenizer, configuration: try folder.configuration(),
            vocabularySize: vocabularySize, file: folder.path("tokenizer.json"),
            configurationFiles: try folder.configurationFiles())
        try definition.readGeneration(folder)
        return definition
    }

    /// Reads the tokenizer from the contents of the files.
    ///
    /// - Parameters:
    ///   - tokenizer: `tokenizer.json`
    ///   - configuration: `tokenizer_config.json`; special tokens may be texts or objects with `content`
    ///   - vocabularySize: see `read(folder:vocabularySize:)`
    ///   - file: the name of `tokenizer.json`, for errors
    /// - Throws: `TokenizerError` as `read(folder:vocabularySize:)` does.
    package init(
        tokenizer: JSONObject, configuration: JSONObject, vocabularySize: Int? = nil, file: String
    ) throws(TokenizerError) {
        try self.init(
            tokenizer: tokenizer, configuration: configuration, vocabularySize: vocabularySize,
            file: file, configurationFiles: .init(beside: file))
    }

    init(
        tokenizer: JSONObject, configuration: JSONObject, vocabularySize: Int?, file: String,
        configurationFiles: TokenizerConfigurationFiles
    ) throws(TokenizerError) {
        let added = try AddedTokenList(
            tokenizer: tokenizer, configuration: configuration, vocabularySize: vocabularySize,
            file: file, configurationFiles: configurationFiles)
        var tokenizer = tokenizer
        tokenizer["added_tokens"] = .array(added.tokens)
        let reader = TokenizerJSONReader(
            tokenizer: tokenizer, configuration: configuration, file: file,
            configurationFiles: configurationFiles)
        let surroundings = TokenizerJSONReader.Surroundings(
            preTokenizer: try HuggingFacePreTokenizer.recognise(
                tokenizer["pre_tokenizer"], file: file),
            decoder: try HuggingFaceDecoder.recognise(tokenizer["decoder"], file: file))
        let (model, vocabulary, checks) = try reader.model(
            surroundings, vocabularySize: vocabularySize)
        let ends = try reader.ends(checks)
        let templates = try reader.chatTemplates()
        self.init(
            model: model,
            normalizers: try HuggingFaceNormalizer.recognise(tokenizer["normalizer"], file: file),
            preTokenizer: surroundings.preTokenizer, decoder: surroundings.decoder,
            tokens: checks.tokens, kinds: vocabulary.kinds, addedTokenRules: vocabulary.rules,
            beginningOfText: try reader.specialToken("bos_token", checks) ?? ends.first,
            endOfText: try reader.specialToken("eos_token", checks) ?? ends.last,
            unknown: try reader.specialToken("unk_token", checks),
            padding: try reader.specialToken("pad_token", checks),
            separator: try reader.specialToken("sep_token", checks),
            mask: try reader.specialToken("mask_token", checks),
            addsBeginningOfText: ends.first != nil, addsEndOfText: ends.last != nil,
            chatTemplate: templates.main, otherChatTemplates: templates.others)
        notes = added.notes
        // A token with a name is special, whether or not the vocabulary says so, as in transformers.
        for id in [beginningOfText, endOfText, unknown, padding, separator, mask] {
            if let id, kinds[id] == .normal { kinds[id] = .control }
        }
        try reader.checkEnds(ends, of: self)
        try checkConsistency(file: file)
    }

    /// The tokens at which `generation_config.json` ends generation, or `config.json` where that file says nothing.
    mutating func readGeneration(_ folder: HuggingFaceTokenizerFolder) throws {
        for name in ["generation_config.json", "config.json"] {
            guard let value = try folder.object(name)?["eos_token_id"], value != .null else {
                continue
            }
            let file = folder.path(name)
            let ids = (value.array ?? [value]).map(\.integer)
            guard ids.allSatisfy({ $0 != nil }) else {
                throw TokenizerError.wrongType(
                    file: file, key: "eos_token_id", expected: "a token id or a list of them")
            }
            generationEnds = ids.compactMap { $0 }.filter(tokens.indices.contains)
            if generationEnds.count < ids.count {
                let others = ids.compactMap { $0 }.filter { !tokens.indices.contains($0) }
                notes.append(
                    "\(file): 'eos_token_id' names \(others.map(String.init).joined(separator: ", ")), but "
                        + "the vocabulary has \(tokens.count) tokens: no text ends there")
            }
            return
        }
    }
}
