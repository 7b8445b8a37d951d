import Foundation
import Glibc
import Synchronization

/// The folder in which a Hugging Face checkpoint keeps its tokenizer, and the one place that decides between its
/// files; running, converting and comparing all ask it.
///
/// The order is transformers': a chat template's own file before `tokenizer_config.json`, `special_tokens_map.json`
/// and `added_tokens.json` only where `tokenizer_config.json` has no `added_tokens_decoder`.
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

    // MARK: - Settings

    /// `tokenizer_config.json` with what the files beside it say: special and added tokens, chat templates.
    func configuration() throws -> JSONObject {
        var configuration = try object("tokenizer_config.json") ?? JSONObject()
        if configuration["added_tokens_decoder"] == nil {
            for member in try object("special_tokens_map.json")?.members ?? [] {
                configuration[member.key] = member.value
            }
            if let added = try addedTokensFile(named: configuration) {
                configuration["added_tokens_decoder"] = added
            }
        }
        if let templates = try chatTemplates(configuration) {
            configuration["chat_template"] = templates
        }
        return configuration
    }

    /// Which file each member of `configuration` comes from.
    func configurationFiles() throws -> TokenizerConfigurationFiles {
        var files = TokenizerConfigurationFiles(beside: path("tokenizer.json"))
        guard try object("tokenizer_config.json")?["added_tokens_decoder"] == nil else {
            return files
        }
        for member in try object("special_tokens_map.json")?.members ?? [] {
            files.others[member.key] = path("special_tokens_map.json")
        }
        if has("added_tokens.json") {
            files.others["added_tokens_decoder"] = path("added_tokens.json")
        }
        return files
    }

    /// The older file of added tokens, texts and ids, as an `added_tokens_decoder`.
    private func addedTokensFile(named configuration: JSONObject) throws -> JSONValue? {
        guard let added = try object("added_tokens.json") else { return nil }
        let special = Set(SpecialTokenNames(configuration).texts.map(ExactString.init))
        return .record(
            added.members.map { member in
                let isSpecial = special.contains(ExactString(member.key))
                return (
                    member.value.integer.map(String.init) ?? "?",
                    .record(
                        ("content", .string(member.key)), ("normalized", .bool(!isSpecial)),
                        ("special", .bool(isSpecial)))
                )
            })
    }

    // MARK: - Chat templates

    /// The templates that the folder renders with: `chat_template.jinja` and `additional_chat_templates`, else those of
    /// `tokenizer_config.json`, else `chat_template.json`.
    private func chatTemplates(_ configuration: JSONObject) throws -> JSONValue? {
        if let files = try chatTemplateFiles() { return files }
        if let own = configuration["chat_template"], own != .null { return own }
        return try object("chat_template.json")?["chat_template"]
    }

    /// What to tell of templates that are not used.
    func chatTemplateNote() throws -> String? {
        guard let file = try chatTemplateFiles(),
            let own = try object("tokenizer_config.json")?["chat_template"], own != .null,
            own != file
        else { return nil }
        return "\(path): chat_template.jinja is taken, not the other chat template of "
            + "tokenizer_config.json, as in transformers"
    }

    /// `chat_template.jinja`: by itself a text, and a list of named texts where `additional_chat_templates` has others.
    private func chatTemplateFiles() throws -> JSONValue? {
        let folder = "additional_chat_templates"
        let names =
            has(folder)
            ? try FileManager.default.contentsOfDirectory(atPath: path(folder))
                .filter { $0.hasSuffix(".jinja") }.sorted() : []
        let main = try text("chat_template.jinja")
        guard !names.isEmpty else { return main.map { .string($0) } }
        var templates = main.map { [Self.template("default", $0)] } ?? []
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

/// The files that the members of a tokenizer's configuration come from, for errors.
struct TokenizerConfigurationFiles: Sendable {
    /// `tokenizer_config.json`.
    let main: String
    var others: [String: String] = [:]

    /// - Parameter file: `tokenizer.json`
    init(beside file: String) {
        guard let slash = file.lastIndex(of: "/") else {
            main = "tokenizer_config.json"
            return
        }
        main = file[...slash] + "tokenizer_config.json"
    }

    func file(of key: String) -> String { others[key] ?? main }
}
