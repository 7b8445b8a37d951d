import Glibc

extension TokenizerDefinition {
    /// Reads the tokenizer of a Hugging Face folder: `tokenizer.json`, and beside it, where they exist,
    /// `tokenizer_config.json`, `special_tokens_map.json` and `chat_template.jinja`.
    ///
    /// - Parameters:
    ///   - folder: the folder's path
    ///   - vocabularySize: `vocab_size` of `config.json`; ids that no token has become unused `[PADn]` entries,
    ///     as llama.cpp's converter writes them
    /// - Returns: the checked definition.
    /// - Throws: `FileError` or `JSONError` where a file cannot be read, `TokenizerError.unsupported` for a model,
    ///   normalizer, pre-tokenizer or post-processor that is not exactly one of ours, naming what was found.
    public static func read(folder: String, vocabularySize: Int? = nil) throws
        -> TokenizerDefinition
    {
        let path = "\(folder)/tokenizer.json"
        let bytes = try MappedFile(path: path).bytes
        var configuration = try optionalObject("\(folder)/tokenizer_config.json")
        let specialTokens = try optionalObject("\(folder)/special_tokens_map.json")
        for key in TokenizerJSONReader.specialTokenKeys where configuration[key] == nil {
            configuration[key] = specialTokens[key]
        }
        if let template = try optionalText("\(folder)/chat_template.jinja") {
            configuration["chat_template"] = .string(template)
        }
        guard let tokenizer = try JSONReader.parse(bytes).object else {
            throw TokenizerError.wrongType(file: path, key: "tokenizer.json", expected: "an object")
        }
        return try TokenizerDefinition(
            tokenizer: tokenizer, configuration: configuration, vocabularySize: vocabularySize,
            file: path)
    }

    /// Reads the tokenizer from the contents of the files.
    ///
    /// - Parameters:
    ///   - tokenizer: `tokenizer.json`
    ///   - configuration: `tokenizer_config.json`; special tokens may be texts or objects with `content`
    ///   - vocabularySize: see `read(folder:vocabularySize:)`
    ///   - file: the name of `tokenizer.json`, for errors
    /// - Throws: `TokenizerError` as `read(folder:vocabularySize:)` does.
    public init(
        tokenizer: JSONObject, configuration: JSONObject, vocabularySize: Int? = nil, file: String
    ) throws(TokenizerError) {
        let reader = TokenizerJSONReader(
            tokenizer: tokenizer, configuration: configuration, file: file)
        let model = try reader.model()
        let rules = try HuggingFacePreTokenizer.recognise(tokenizer["pre_tokenizer"], file: file)
        let vocabulary = try reader.vocabulary(model: model, size: vocabularySize)
        let checks = try VocabularyChecks(file: file, tokens: vocabulary.tokens)
        try reader.checkBytes(model: model, checks)
        let ends = try reader.ends(checks)
        self.init(
            model: .byteLevelBPE(
                merges: try reader.merges(model: model, checks),
                ignoresMerges: model["ignore_merges"]?.bool ?? false),
            normalizer: try reader.normalizer(), preTokenizer: rules.preTokenizer,
            tokens: checks.tokens, kinds: vocabulary.kinds,
            beginningOfText: try reader.specialToken("bos_token", checks) ?? ends.first,
            endOfText: try reader.specialToken("eos_token", checks) ?? ends.last,
            unknown: try reader.specialToken("unk_token", checks),
            padding: try reader.specialToken("pad_token", checks),
            addsBeginningOfText: ends.first != nil, addsEndOfText: ends.last != nil,
            addsSpacePrefix: rules.addsSpacePrefix, chatTemplate: try reader.chatTemplate())
        try reader.checkEnds(ends, of: self)
        try checkConsistency(file: file)
    }

    private static func optionalObject(_ path: String) throws -> JSONObject {
        guard access(path, F_OK) == 0 else { return JSONObject() }
        guard let object = try JSONReader.parse(MappedFile(path: path).bytes).object else {
            throw TokenizerError.wrongType(file: path, key: "the file", expected: "a JSON object")
        }
        return object
    }

    private static func optionalText(_ path: String) throws -> String? {
        guard access(path, F_OK) == 0 else { return nil }
        let bytes = try MappedFile(path: path).bytes
        return bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }
}
