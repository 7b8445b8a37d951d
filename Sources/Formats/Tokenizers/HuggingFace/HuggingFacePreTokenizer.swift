/// The pre-tokenizers of `tokenizer.json` that are exactly ours, in both directions.
enum HuggingFacePreTokenizer {
    static let supported =
        "none, ByteLevel, Digits (one by one) then ByteLevel, Split by the expression of Llama 3, Qwen2, Tekken or GPT-4o then ByteLevel, Metaspace, WhitespaceSplit then Metaspace, Split after ' ', Split at runs of newlines"

    /// Recognises a pre-tokenizer by its exact structure.
    ///
    /// - Throws: `TokenizerError.unsupported` for anything else, naming what was found.
    static func recognise(_ value: JSONValue?, file: String) throws(TokenizerError)
        -> PreTokenizerRule
    {
        let steps = (value ?? .null).components("pretokenizers")
        guard let steps, let rule = rule(steps.compactMap(\.object)) else {
            throw unsupported(steps ?? [], file: file)
        }
        return rule
    }

    private static func rule(_ steps: [JSONObject]) -> PreTokenizerRule? {
        let types = steps.map { $0["type"]?.string }
        switch (types.first, types.last, types.count) {
        case (nil, nil, 0): return PreTokenizerRule.none
        case ("ByteLevel", _, 1): return byteLevel(.gpt2, steps[0], usesExpression: true)
        case ("Digits", "ByteLevel", 2):
            guard steps[0]["individual_digits"]?.bool == true else { return nil }
            return byteLevel(.smolLM, steps[1], usesExpression: true)
        case ("Split", "ByteLevel", 2):
            let expression = steps[0]["pattern"]?.object?["Regex"]?.string
            guard let expression, isolatesMatches(steps[0]),
                let rule = PreTokenizerRule.SplitRule.allCases.first(where: {
                    $0.expression == expression
                })
            else { return nil }
            return byteLevel(rule, steps[1], usesExpression: false)
        case ("Split", _, 1):
            if steps[0]["pattern"]?.object?["Regex"]?.string == newlineRuns {
                return isolatesMatches(steps[0]) ? .newlineRuns : nil
            }
            guard steps[0]["pattern"]?.object?["String"]?.string == " ",
                steps[0]["behavior"]?.string == "MergedWithPrevious",
                steps[0]["invert"]?.bool ?? false == false
            else { return nil }
            return .afterSpaces
        case ("Metaspace", _, 1): return spaceMarks(steps[0], dropsWhitespace: false)
        case ("WhitespaceSplit", "Metaspace", 2):
            return spaceMarks(steps[1], dropsWhitespace: true)
        default: return nil
        }
    }

    private static func byteLevel(
        _ rule: PreTokenizerRule.SplitRule, _ step: JSONObject, usesExpression: Bool
    ) -> PreTokenizerRule? {
        guard step["use_regex"]?.bool ?? true == usesExpression else { return nil }
        return .byteLevel(rule, addsSpacePrefix: step["add_prefix_space"]?.bool ?? true)
    }

    private static let newlineRuns = #"[^\n]+|\n+"#

    /// Our expressions match every scalar, so that to remove what does not match is to isolate what does.
    private static func isolatesMatches(_ step: JSONObject) -> Bool {
        switch (step["behavior"]?.string, step["invert"]?.bool ?? false) {
        case ("Isolated", false), ("Removed", true): true
        default: false
        }
    }

    private static func spaceMarks(_ step: JSONObject, dropsWhitespace: Bool) -> PreTokenizerRule? {
        guard
            step["replacement"]?.string ?? PreTokenizerRule.spaceMark
                == PreTokenizerRule.spaceMark, let prefix = prefix(of: step)
        else { return nil }
        return .spaceMarks(
            .init(
                prefix: prefix, splits: step["split"]?.bool ?? true,
                dropsWhitespace: dropsWhitespace))
    }

    /// The scheme of a `Metaspace`; older files say only whether a prefix is added.
    static func prefix(of step: JSONObject) -> PreTokenizerRule.SpaceMarks.Prefix? {
        if let scheme = step["prepend_scheme"]?.string { return .init(rawValue: scheme) }
        return step["add_prefix_space"]?.bool ?? true ? .always : .never
    }

    private static func unsupported(_ steps: [JSONValue], file: String) -> TokenizerError {
        let names = steps.map { step in
            let pattern = step.object?["pattern"]?.object
            guard let text = pattern?["Regex"]?.string ?? pattern?["String"]?.string else {
                return step.componentType
            }
            return "\(step.componentType) by \(text)"
        }
        return .unsupported(
            file: file, key: "pre_tokenizer",
            found: names.isEmpty ? "of another form" : names.joined(separator: " then "),
            supported: supported)
    }

    // MARK: - Writing

    /// The pre-tokenizer as `tokenizer.json` writes it.
    static func value(_ rule: PreTokenizerRule) -> JSONValue {
        switch rule {
        case .none: .null
        case .byteLevel(let rule, let addsSpacePrefix): value(rule, addsSpacePrefix)
        case .afterSpaces:
            split(("String", .string(" ")), behavior: "MergedWithPrevious")
        case .newlineRuns: split(("Regex", .string(newlineRuns)), behavior: "Isolated")
        case .spaceMarks(let marks):
            if marks.dropsWhitespace {
                sequence(
                    .component("WhitespaceSplit"), metaspace(marks.prefix, splits: marks.splits))
            } else {
                metaspace(marks.prefix, splits: marks.splits)
            }
        }
    }

    private static func value(
        _ rule: PreTokenizerRule.SplitRule, _ addsSpacePrefix: Bool
    ) -> JSONValue {
        if let expression = rule.expression {
            return sequence(
                split(("Regex", .string(expression)), behavior: "Isolated"),
                byteLevel(usesExpression: false, addsSpacePrefix: addsSpacePrefix))
        }
        let plain = byteLevel(usesExpression: true, addsSpacePrefix: addsSpacePrefix)
        guard rule == .smolLM else { return plain }
        return sequence(.component("Digits", ("individual_digits", .bool(true))), plain)
    }

    /// `ByteLevel` as a pre-tokenizer, a post-processor or a decoder.
    static func byteLevel(usesExpression: Bool, addsSpacePrefix: Bool) -> JSONValue {
        .component(
            "ByteLevel", ("add_prefix_space", .bool(addsSpacePrefix)),
            ("trim_offsets", .bool(true)), ("use_regex", .bool(usesExpression)))
    }

    /// `Metaspace` as a pre-tokenizer or a decoder.
    static func metaspace(
        _ prefix: PreTokenizerRule.SpaceMarks.Prefix, splits: Bool
    ) -> JSONValue {
        .component(
            "Metaspace", ("replacement", .string(PreTokenizerRule.spaceMark)),
            ("prepend_scheme", .string(prefix.rawValue)), ("split", .bool(splits)))
    }

    private static func split(_ pattern: (String, JSONValue), behavior: String) -> JSONValue {
        .component(
            "Split", ("pattern", .record(pattern)), ("behavior", .string(behavior)),
            ("invert", .bool(false)))
    }

    private static func sequence(_ steps: JSONValue...) -> JSONValue {
        .component("Sequence", ("pretokenizers", .array(steps)))
    }
}
