/// The pre-tokenizers of `tokenizer.json` that are exactly ours, in both directions.
enum HuggingFacePreTokenizer {
    /// The expression of Llama 3; Qwen2's takes digits one by one.
    static func splitExpression(digits: String) -> String {
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\#(digits)|"#
            + #" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    static let llama3Digits = #"\p{N}{1,3}"#
    static let qwen2Digits = #"\p{N}"#

    static let supported =
        "ByteLevel, Digits (one by one) then ByteLevel, Split by the expression of Llama 3 or Qwen2 then ByteLevel"

    /// What a pre-tokenizer asks for.
    struct Rules {
        let preTokenizer: TokenizerDefinition.PreTokenizer
        let addsSpacePrefix: Bool
    }

    /// Recognises a pre-tokenizer by its exact structure.
    ///
    /// - Throws: `TokenizerError.unsupported` for anything else, naming what was found.
    static func recognise(_ value: JSONValue?, file: String) throws(TokenizerError) -> Rules {
        let steps = steps(of: value)
        guard let last = steps.last, type(of: last) == "ByteLevel" else {
            throw unsupported(value, file: file)
        }
        let addsSpacePrefix = last["add_prefix_space"]?.bool ?? true
        let usesExpression = last["use_regex"]?.bool ?? true
        var found: TokenizerDefinition.PreTokenizer?
        if steps.count == 1, usesExpression {
            found = .gpt2
        } else if steps.count == 2, let first = steps.first {
            if usesExpression, type(of: first) == "Digits", first["individual_digits"]?.bool == true
            {
                found = .smolLM
            } else if !usesExpression, type(of: first) == "Split",
                first["behavior"]?.string == "Isolated", first["invert"]?.bool == false
            {
                switch first["pattern"]?.object?["Regex"]?.string {
                case splitExpression(digits: llama3Digits): found = .llama3
                case splitExpression(digits: qwen2Digits): found = .qwen2
                default: break
                }
            }
        }
        guard let found else { throw unsupported(value, file: file) }
        return Rules(preTokenizer: found, addsSpacePrefix: addsSpacePrefix)
    }

    /// The pre-tokenizer as `tokenizer.json` writes it.
    static func value(
        _ preTokenizer: TokenizerDefinition.PreTokenizer, addsSpacePrefix: Bool
    ) -> JSONValue {
        switch preTokenizer {
        case .gpt2:
            return byteLevel(usesExpression: true, addsSpacePrefix: addsSpacePrefix)
        case .smolLM:
            return sequence(
                object([("type", .string("Digits")), ("individual_digits", .bool(true))]),
                byteLevel(usesExpression: true, addsSpacePrefix: addsSpacePrefix))
        case .llama3:
            return sequence(
                split(digits: llama3Digits),
                byteLevel(usesExpression: false, addsSpacePrefix: addsSpacePrefix))
        case .qwen2:
            return sequence(
                split(digits: qwen2Digits),
                byteLevel(usesExpression: false, addsSpacePrefix: addsSpacePrefix))
        }
    }

    /// `ByteLevel` as a pre-tokenizer, a post-processor or a decoder.
    static func byteLevel(usesExpression: Bool, addsSpacePrefix: Bool) -> JSONValue {
        object([
            ("type", .string("ByteLevel")), ("add_prefix_space", .bool(addsSpacePrefix)),
            ("trim_offsets", .bool(true)), ("use_regex", .bool(usesExpression)),
        ])
    }

    private static func split(digits: String) -> JSONValue {
        object([
            ("type", .string("Split")),
            ("pattern", object([("Regex", .string(splitExpression(digits: digits)))])),
            ("behavior", .string("Isolated")), ("invert", .bool(false)),
        ])
    }

    private static func sequence(_ steps: JSONValue...) -> JSONValue {
        object([("type", .string("Sequence")), ("pretokenizers", .array(steps))])
    }

    private static func object(_ members: [(String, JSONValue)]) -> JSONValue {
        .object(JSONObject(members.map { JSONObject.Member($0.0, $0.1) }))
    }

    /// The members of a sequence, or the one pre-tokenizer.
    private static func steps(of value: JSONValue?) -> [JSONObject] {
        guard let object = value?.object else { return [] }
        guard type(of: object) == "Sequence" else { return [object] }
        let steps = object["pretokenizers"]?.array ?? []
        let objects = steps.compactMap(\.object)
        return objects.count == steps.count ? objects : []
    }

    private static func type(of object: JSONObject) -> String? { object["type"]?.string }

    private static func unsupported(_ value: JSONValue?, file: String) -> TokenizerError {
        var names = steps(of: value).map { step in
            let name = type(of: step) ?? "a step without type"
            guard let expression = step["pattern"]?.object?["Regex"]?.string else { return name }
            return "\(name) by \(expression)"
        }
        if names.isEmpty { names = ["none"] }
        return .unsupported(
            file: file, key: "pre_tokenizer", found: names.joined(separator: " then "),
            supported: supported)
    }
}
