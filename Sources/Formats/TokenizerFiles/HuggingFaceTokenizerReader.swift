import Foundation
import Glibc
import Synchronization

extension TokenizerDefinition {
    /// Reads the tokenizer of a Hugging Face folder: `tokenizer.json`, and beside it, where they exist,
    /// `tokenizer_config.json`, `special_tokens_map.json`, `chat_template.jinja` and `additional_chat_templates`.
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
    public static func read(folder: String, vocabularySize: Int? = nil) throws
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
            return try SentencePieceConversion(folder: folder, vocabularySize: vocabularySize)
                .definition()
        }
        return try TokenizerDefinition(
            tokenizer: tokenizer, configuration: try folder.configuration(),
            vocabularySize: vocabularySize, file: folder.path("tokenizer.json"))
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
        // A token with a name is special, whether or not the vocabulary says so, as in transformers.
        for id in [beginningOfText, endOfText, unknown, padding, separator, mask] {
            if let id, kinds[id] == .normal { kinds[id] = .control }
        }
        try reader.checkEnds(ends, of: self)
        try checkConsistency(file: file)
    }
}

/// The folder in which a Hugging Face checkpoint keeps its tokenizer.
final class HuggingFaceTokenizerFolder: Sendable {
    let path: String
    /// Objects by their files' names: `tokenizer.json` is large, and several ask for it.
    private let objects = Mutex<[String: JSONObject]>([:])

    init(path: String) {
        self.path = path
    }

    func path(_ name: String) -> String { "\(path)/\(name)" }

    func has(_ name: String) -> Bool { access(path(name), F_OK) == 0 }

    func bytes(_ name: String) throws -> MappedBytes { try MappedFile(path: path(name)).bytes }

    /// The object that a file holds; nil where there is no such file.
    func object(_ name: String) throws -> JSONObject? {
        if let object = objects.withLock({ $0[name] }) { return object }
        guard has(name) else { return nil }
        guard let object = try JSONReader.parse(bytes(name)).object else {
            throw TokenizerError.wrongType(
                file: path(name), key: "the file", expected: "a JSON object")
        }
        objects.withLock { $0[name] = object }
        return object
    }

    /// The text that a file holds; nil where there is no such file.
    func text(_ name: String) throws -> String? {
        guard has(name) else { return nil }
        return try bytes(name).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// `tokenizer_config.json` with what the files beside it add, as transformers takes them: the special tokens of
    /// `special_tokens_map.json` where it names none, the chat templates of their own files in place of its own.
    func configuration() throws -> JSONObject {
        var configuration = try object("tokenizer_config.json") ?? JSONObject()
        let specialTokens = try object("special_tokens_map.json") ?? JSONObject()
        for key in TokenizerJSONReader.specialTokenKeys where configuration[key] == nil {
            configuration[key] = specialTokens[key]
        }
        if let templates = try chatTemplateFiles() { configuration["chat_template"] = templates }
        return configuration
    }

    /// `chat_template.jinja`: by itself a text, and a list of named texts where `additional_chat_templates` has others.
    func chatTemplateFiles() throws -> JSONValue? {
        guard let main = try text("chat_template.jinja") else { return nil }
        let folder = "additional_chat_templates"
        guard has(folder) else { return .string(main) }
        let names = try FileManager.default.contentsOfDirectory(atPath: path(folder))
            .filter { $0.hasSuffix(".jinja") }.sorted()
        guard !names.isEmpty else { return .string(main) }
        var templates = [Self.template("default", main)]
        for name in names {
            guard let source = try text("\(folder)/\(name)") else { continue }
            templates.append(Self.template(String(name.dropLast(".jinja".count)), source))
        }
        return .array(templates)
    }

    private static func template(_ name: String, _ source: String) -> JSONValue {
        .record(("name", .string(name)), ("template", .string(source)))
    }
}
