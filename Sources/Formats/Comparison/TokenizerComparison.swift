import Foundation

/// What two checkpoints' tokenizers do not share.
///
/// A folder's tokenizer is compared with a GGUF file's as that file would hold it: what GGUF has no place for (text
/// normalizers, rules of added tokens) is no difference.
public struct TokenizerComparison: Sendable {
    /// A token that one side has at an id, or both with other texts.
    public struct TokenChange: Sendable, Hashable {
        public let id: Int
        /// The token as its file writes it; nil where the vocabulary is shorter.
        public let a: String?
        public let b: String?
    }

    /// Tokens at ids that only one vocabulary has, or that are other texts, in the order of their ids.
    public private(set) var tokens: [TokenChange] = []
    /// How many ids hold the same token as another kind (normal, control, …), and the first of them.
    public private(set) var kindChanges: (count: Int, first: Int?) = (0, nil)
    /// Rules, special tokens, merges and chat templates.
    public private(set) var settings: [SettingDifference] = []
    /// What could not be compared, one line each.
    public private(set) var notes: [String] = []

    /// Whether text becomes other tokens, or tokens other text.
    public var isDifference: Bool {
        !tokens.isEmpty || kindChanges.count > 0 || settings.contains(where: \.isDifference)
    }

    init(_ a: Checkpoint, _ b: Checkpoint) throws {
        if try Self.haveSameFiles(a, b) { return }
        let bare = [a, b].filter(Self.isBare)
        guard bare.isEmpty else {
            notes = bare.map { "\($0.path): has no tokenizer beside its weights to compare" }
            return
        }
        do {
            let first = try Self.definition(a, comparedWith: b)
            let second = try Self.definition(b, comparedWith: a)
            compareTokens(first, second)
            compareRules(first, second)
            compareTemplates(first, second)
        } catch {
            notes.append("the tokenizers cannot be compared: \(error)")
            settings.append(
                SettingDifference(
                    .tokenizer, "files", "other than B's", "other than A's",
                    isDifference: a.format == b.format))
        }
    }

    // MARK: - Reading

    /// Whether the checkpoint is weights alone.
    private static func isBare(_ checkpoint: Checkpoint) -> Bool {
        switch checkpoint.source {
        case .gguf(let gguf): return gguf.metadata[GGUFTokenizerKey.model] == nil
        case .huggingFace(let files):
            let folder = HuggingFaceTokenizerFolder(path: files.folder)
            return !folder.has("tokenizer.json") && !folder.has("tokenizer.model")
        }
    }

    /// The files that make up a folder's tokenizer.
    private static let fileNames = [
        "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
        "chat_template.jinja",
    ]

    /// Whether both have one format, and there the same bytes.
    private static func haveSameFiles(_ a: Checkpoint, _ b: Checkpoint) throws -> Bool {
        switch (a.source, b.source) {
        case (.gguf(let first), .gguf(let second)):
            return entries(first.metadata) == entries(second.metadata)
        case (.huggingFace(let first), .huggingFace(let second)):
            let folders = [first, second].map { HuggingFaceTokenizerFolder(path: $0.folder) }
            guard !folders.contains(where: { $0.has("additional_chat_templates") }),
                first.config?["vocab_size"] == second.config?["vocab_size"]
            else { return false }
            return fileNames.allSatisfy { name in
                let paths = folders.map { $0.path(name) }
                let present = folders.map { $0.has(name) }
                if present == [false, false] { return true }
                return present == [true, true]
                    && FileManager.default.contentsEqual(atPath: paths[0], andPath: paths[1])
            }
        default: return false
        }
    }

    private static func entries(_ metadata: GGUFMetadata) -> [GGUFMetadata.Entry] {
        metadata.entries.filter { $0.key.hasPrefix("tokenizer.") }
            .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    /// The tokenizer, that of a folder as a GGUF file would hold it where the other checkpoint is one.
    private static func definition(
        _ checkpoint: Checkpoint, comparedWith other: Checkpoint
    ) throws -> TokenizerDefinition {
        guard case .gguf(let gguf) = other.source,
            case .huggingFace(let files) = checkpoint.source
        else { return try checkpoint.tokenizer() }
        let entries = try TokenizerConversion(
            folder: files.folder, config: files.config ?? JSONObject()
        ).entries()
        var metadata = GGUFMetadata(entries)
        // llama.cpp tells Phi-3's rules by the model's name.
        metadata["general.name"] = gguf.metadata["general.name"]
        return try TokenizerDefinition(metadata: metadata, file: checkpoint.path)
    }

    // MARK: - Comparing

    private mutating func compareTokens(_ a: TokenizerDefinition, _ b: TokenizerDefinition) {
        for id in 0..<max(a.tokens.count, b.tokens.count) {
            guard id < a.tokens.count, id < b.tokens.count else {
                let (isInA, isInB) = (id < a.tokens.count, id < b.tokens.count)
                tokens.append(
                    TokenChange(
                        id: id, a: isInA ? a.tokens.text(id) : nil,
                        b: isInB ? b.tokens.text(id) : nil))
                continue
            }
            if !a.tokens[id].elementsEqual(b.tokens[id]) {
                tokens.append(
                    TokenChange(id: id, a: a.tokens.text(id), b: b.tokens.text(id)))
            } else if a.kinds[id] != b.kinds[id] {
                kindChanges = (kindChanges.count + 1, kindChanges.first ?? id)
            }
        }
    }

    private mutating func compareRules(_ a: TokenizerDefinition, _ b: TokenizerDefinition) {
        settings += SettingDifference.between(Self.rules(a), Self.rules(b), .tokenizer) { _ in true
        }
        let (mergesA, mergesB) = (Set(a.model.merges), Set(b.model.merges))
        if mergesA != mergesB {
            settings.append(
                SettingDifference(
                    .tokenizer, "merges",
                    "\(mergesA.count), \(mergesA.subtracting(mergesB).count) of them not in B",
                    "\(mergesB.count), \(mergesB.subtracting(mergesA).count) of them not in A"))
        } else if a.model.merges != b.model.merges {
            let first = zip(a.model.merges, b.model.merges).enumerated().first {
                $0.element.0 != $0.element.1
            }
            let place = "another order from merge \(first?.offset ?? 0) on"
            settings.append(SettingDifference(.tokenizer, "merges", place, place))
        }
        let changedScores = zip(a.model.scores, b.model.scores).count { $0 != $1 }
        if changedScores > 0 {
            let text = "\(changedScores) scores are others"
            settings.append(SettingDifference(.tokenizer, "scores", text, text))
        }
    }

    private static func rules(_ tokenizer: TokenizerDefinition) -> [(name: String, text: String)] {
        func identifier(_ id: Int?) -> String {
            guard let id else { return "none" }
            return tokenizer.tokens.indices.contains(id)
                ? "\(id) \(tokenizer.tokens.text(id))" : "\(id)"
        }
        let rules = tokenizer.addedTokenRules.sorted { $0.key < $1.key }.map {
            "\($0.key): \($0.value)"
        }
        return [
            ("model", tokenizer.model.words), ("pre-tokenizer", tokenizer.preTokenizer.words),
            ("normalizers", tokenizer.normalizers.map(\.words).joined(separator: ", ")),
            ("decoder", tokenizer.decoder.words),
            ("rules of added tokens", rules.joined(separator: ", ")),
            ("beginning of text", identifier(tokenizer.beginningOfText)),
            ("end of text", identifier(tokenizer.endOfText)),
            ("unknown token", identifier(tokenizer.unknown)),
            ("padding token", identifier(tokenizer.padding)),
            ("separator", identifier(tokenizer.separator)), ("mask", identifier(tokenizer.mask)),
            ("end of turn", identifier(tokenizer.endOfTurn)),
            ("adds the beginning of text", "\(tokenizer.addsBeginningOfText)"),
            ("adds the end of text", "\(tokenizer.addsEndOfText)"),
        ]
    }

    private mutating func compareTemplates(_ a: TokenizerDefinition, _ b: TokenizerDefinition) {
        func templates(_ tokenizer: TokenizerDefinition) -> [(name: String, text: String)] {
            let named = tokenizer.otherChatTemplates.map { ($0.name, $0.source) }
            return (tokenizer.chatTemplate.map { [("default", $0)] } ?? []) + named
        }
        settings += SettingDifference.between(templates(a), templates(b), .chatTemplate) { _ in true
        }
    }
}

extension TokenizerModel {
    /// The merges; none where the model has scores.
    fileprivate var merges: [TokenMerge] {
        switch self {
        case .byteLevelPairs(let merges, _), .scalarPairs(let merges, _): merges
        case .scoredPairs, .unigram: []
        }
    }

    /// The tokens' scores; none where the model has merges.
    fileprivate var scores: [Double?] {
        switch self {
        case .byteLevelPairs, .scalarPairs: []
        case .scoredPairs(let scores): scores.map(Double.init)
        case .unigram(let rules): rules.scores
        }
    }

    /// The model and its rules without merges and scores.
    fileprivate var words: String {
        switch self {
        case .byteLevelPairs(_, let ignoresMerges):
            "byte-level pairs" + (ignoresMerges ? ", whole tokens first" : "")
        case .scalarPairs(_, let rules): "pairs of scalars, \(rules)"
        case .scoredPairs: "scored pairs"
        case .unigram(let rules):
            "unigram, unknown \(rules.unknown.map(String.init) ?? "none"), "
                + (rules.fallsBackToBytes ? "falls back to bytes" : "no bytes")
        }
    }
}

extension PreTokenizerRule {
    /// The rule in a few words.
    fileprivate var words: String {
        switch self {
        case .none: "none"
        case .byteLevel(let rule, let addsSpacePrefix):
            "byte-level \(rule.rawValue)" + (addsSpacePrefix ? ", a space before" : "")
        case .spaceMarks(let marks):
            "space marks, prefix \(marks.prefix.rawValue)" + (marks.splits ? ", split" : "")
                + (marks.dropsWhitespace ? ", white space dropped" : "")
        case .afterSpaces: "after spaces"
        }
    }
}

extension TokenDecoding {
    /// The rule in a few words.
    fileprivate var words: String {
        switch self {
        case .byteLevel: "byte-level"
        case .spaceMarks(let joinsBytes, let start):
            "space marks\(joinsBytes ? ", bytes joined" : ""), start \(start)"
        }
    }
}

extension TextNormalizer {
    /// The step; of a table its kind only.
    fileprivate var words: String {
        if case .characterMap(_, let matching) = self { return "character map, \(matching)" }
        return "\(self)"
    }
}
