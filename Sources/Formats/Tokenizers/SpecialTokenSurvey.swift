/// What llama.cpp's converter finds in a folder about special tokens, and in which order it writes them.
///
/// It reads the post-processor of `tokenizer.json`, `tokenizer_config.json` and `config.json`, in this order: the first
/// to name a token decides. Its quirks are kept, for the output is to equal its own where that is right: without
/// `tokenizer_config.json` the texts of special tokens are not looked at (`TokenizerRepair` puts right what the folder's
/// tokenizer knows better). The chat template is the one that the folder renders with.
struct SpecialTokenSurvey {
    /// Token ids by the converter's name of their role (`bos`, `eos`, `unk`, `sep`, `pad`, `cls`, `mask`, `eot`, `eom`).
    private(set) var tokens: [(role: String, id: Int)] = []
    /// Whether the token of a role is added to every text.
    private(set) var additions: [(role: String, isAdded: Bool)] = []
    private(set) var chatTemplate: JSONValue?
    private(set) var lowercases: Bool?
    private(set) var stripsAccents: Bool?

    private var roles = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"]
    private var configuration: JSONObject
    private let vocabularySize: Int?

    /// - Parameters:
    ///   - folder: the checkpoint's folder
    ///   - config: `config.json`
    ///   - vocabularySize: ids from here on are left out
    init(
        folder: HuggingFaceTokenizerFolder, config: JSONObject, vocabularySize: Int? = nil
    ) throws {
        self.vocabularySize = vocabularySize
        configuration = try folder.object("tokenizer_config.json") ?? JSONObject()
        let hasConfiguration = !configuration.members.isEmpty
        let tokenizer = try folder.object("tokenizer.json")
        let settings = try folder.configuration()
        chatTemplate = settings["chat_template"]
        if let tokenizer {
            readNormalizer(tokenizer["normalizer"])
            try readPostProcessor(tokenizer, file: folder.path("tokenizer.json"))
        }
        if hasConfiguration {
            let added = try tokenizer.map {
                try AddedTokenList(
                    tokenizer: $0, configuration: settings, vocabularySize: vocabularySize,
                    file: folder.path("tokenizer.json"),
                    configurationFiles: folder.configurationFiles())
            }
            readConfiguration(added: added?.tokens ?? [])
        }
        for role in roles {
            if let id = config["\(role)_token_id"]?.integer { setToken(role, id) }
        }
    }

    private mutating func setToken(_ role: String, _ id: Int) {
        guard id >= 0, id < vocabularySize ?? .max, !tokens.contains(where: { $0.role == role })
        else { return }
        tokens.append((role, id))
    }

    private func addition(_ role: String) -> Bool? {
        additions.first { $0.role == role }?.isAdded
    }

    private mutating func setAddition(_ role: String, _ isAdded: Bool) {
        if let place = additions.firstIndex(where: { $0.role == role }) {
            additions[place].isAdded = isAdded
        } else {
            additions.append((role, isAdded))
        }
    }

    // MARK: - tokenizer.json

    private mutating func readNormalizer(_ value: JSONValue?) {
        for step in (value ?? .null).components("normalizers") ?? [] {
            switch step.componentType {
            case "Lowercase": lowercases = true
            case "StripAccents": stripsAccents = true
            default: break
            }
        }
    }

    private mutating func readPostProcessor(_ tokenizer: JSONObject, file: String)
        throws(TokenizerError)
    {
        if !isNamed("bos_token"), isNamed("cls_token") {
            configuration["bos_token"] = configuration["cls_token"]
        }
        if !isNamed("eos_token"), isNamed("sep_token") {
            configuration["eos_token"] = configuration["sep_token"]
        }
        guard let value = tokenizer["post_processor"], value != .null else { return }
        for processor in value.object?["processors"]?.array ?? [value] {
            switch processor.componentType {
            case "ByteLevel":
                for role in ["bos", "eos"] where addition(role) == nil { setAddition(role, false) }
            case "TemplateProcessing": readTemplate(processor.object ?? JSONObject())
            case let type:
                throw .unsupported(
                    file: file, key: "post_processor", found: type,
                    supported: "none, ByteLevel, TemplateProcessing, Sequence")
            }
        }
    }

    private func isNamed(_ key: String) -> Bool {
        switch configuration[key] {
        case nil, .null, .string(""): false
        default: true
        }
    }

    private func isToken(_ token: JSONValue, named keys: String...) -> Bool {
        keys.contains { configuration[$0] == token }
    }

    private mutating func readTemplate(_ template: JSONObject) {
        let single = template["single"]?.array ?? []
        let first = single.count > 1 ? Self.specialToken(single.first) : nil
        let last = single.count > 1 ? Self.specialToken(single.last) : nil
        let hasConfiguration = !configuration.members.isEmpty
        var (bos, eos) = (configuration["bos_token"], configuration["eos_token"])
        if let first {
            if !hasConfiguration {
                bos = first
            } else if !isToken(first, named: "bos_token", "cls_token") {
                for key in ["bos_token", "cls_token"] where !isNamed(key) {
                    configuration[key] = first
                }
                bos = configuration["bos_token"]
            }
            setAddition("bos", first == bos || isToken(first, named: "cls_token"))
        }
        if let last {
            if !hasConfiguration {
                eos = last
            } else if last != eos {
                for role in ["eot", "eom"] where !roles.contains(role) {
                    roles.append(role)
                    configuration["\(role)_token"] = eos ?? .null
                    break
                }
                configuration["eos_token"] = last
                eos = last
            }
            setAddition("eos", last == eos)
        }
        readPair(template["pair"]?.array ?? [], first, last, eos, hasConfiguration)
    }

    /// Whether a separator stands between the two texts of a pair.
    private mutating func readPair(
        _ pair: [JSONValue], _ first: JSONValue?, _ last: JSONValue?, _ eos: JSONValue?,
        _ hasConfiguration: Bool
    ) {
        var parts = pair[...]
        if let first, Self.specialToken(parts.first) == first { parts.removeFirst() }
        if let last, Self.specialToken(parts.last) == last { parts.removeLast() }
        guard parts.first?.object?["Sequence"]?.object?["id"]?.string == "A",
            parts.last?.object?["Sequence"]?.object?["id"]?.string == "B", parts.count > 2
        else { return }
        let between = parts.dropFirst().dropLast().map { Self.specialToken($0) }
        let separators = [configuration["sep_token"], eos].compactMap { $0 }
        var isAdded = false
        if let token = between[0], separators.contains(token), last == nil { isAdded = true }
        if between.count == 2, let token = between[1], separators.contains(token) { isAdded = true }
        setAddition("sep", isAdded)
        if isAdded, !isNamed("sep_token"), hasConfiguration { configuration["sep_token"] = eos }
    }

    private static func specialToken(_ part: JSONValue?) -> JSONValue? {
        let id = part?.object?["SpecialToken"]?.object?["id"]
        return id == .string("") ? nil : id
    }

    // MARK: - tokenizer_config.json

    private mutating func readConfiguration(added: [JSONValue]) {
        for role in roles {
            if let flag = configuration["add_\(role)_token"]?.bool, addition(role) == nil {
                setAddition(role, flag)
            }
            let entry = configuration["\(role)_token"]
            guard let text = entry?.string ?? entry?.object?["content"]?.string else { continue }
            let token = added.first {
                $0.object?["content"]?.string.map(ExactString.init) == ExactString(text)
            }
            if let id = token?.object?["id"]?.integer { setToken(role, id) }
        }
    }
}
