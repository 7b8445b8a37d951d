/// The expressions by which `tokenizer.json` cuts text for byte-level vocabularies.
extension PreTokenizerRule.SplitRule {
    /// The expression of the component `Split`; nil for the rules that `ByteLevel` itself holds.
    var expression: String? {
        switch self {
        case .gpt2, .smolLM: nil
        case .llama3: Self.words(#"\p{L}"#) + #"|\p{N}{1,3}|"# + Self.rest(afterSymbols: "")
        case .qwen2: Self.words(#"\p{L}"#) + #"|\p{N}|"# + Self.rest(afterSymbols: "")
        case .qwen35:
            Self.words(#"[\p{L}\p{M}]"#) + #"|\p{N}|"#
                + Self.rest(afterSymbols: "", letters: #"\p{L}\p{M}"#)
        case .tekken: Self.casedWords(suffix: "") + #"|\p{N}|"# + Self.rest(afterSymbols: "/")
        case .gpt4o:
            Self.casedWords(suffix: Self.contractions + "?") + #"|\p{N}{1,3}|"#
                + Self.rest(afterSymbols: "/")
        case .seedCoder:
            Self.words(#"\p{L}"#) + #"|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|"# + Self.whitespace
        }
    }

    private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"

    private static func words(_ letter: String) -> String {
        contractions + #"|[^\r\n\p{L}\p{N}]?\#(letter)+"#
    }

    private static func casedWords(suffix: String) -> String {
        let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
        let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
        let before = #"[^\r\n\p{L}\p{N}]?"#
        return "\(before)\(upper)*\(lower)+\(suffix)|\(before)\(upper)+\(lower)*\(suffix)"
    }

    private static func rest(afterSymbols: String, letters: String = #"\p{L}"#) -> String {
        #" ?[^\s\#(letters)\p{N}]+[\r\n\#(afterSymbols)]*|"# + whitespace
    }

    private static let whitespace = #"\s*[\r\n]+|\s+(?!\S)|\s+"#
}
