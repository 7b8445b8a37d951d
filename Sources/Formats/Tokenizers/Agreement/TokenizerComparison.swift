/// What two tokenizers do not share; conversion, `diff` and `verify` all ask it.
///
/// Tokenizers are compared by what they do, not by how their files say it (see `TokenizerRules` and `MergeAgreement`):
/// a folder and the GGUF file made from it are equal where every text becomes the same ids.
package struct TokenizerComparison: Sendable {
    /// A token that one side has at an id, or both with other texts.
    package struct TokenChange: Sendable, Hashable {
        package let id: Int
        /// The token as its file writes it; nil where the vocabulary is shorter.
        package let a: String?
        package let b: String?
    }

    /// Tokens at ids that only one vocabulary has, or that are other texts, in the order of their ids.
    package private(set) var tokens: [TokenChange] = []
    /// How many ids hold the same token as another kind (normal, control, …), and the first of them.
    package private(set) var kindChanges: (count: Int, first: Int?) = (0, nil)
    /// Rules, special tokens, merges and chat templates.
    package internal(set) var settings: [SettingDifference] = []
    /// What could not be compared, one line each.
    package internal(set) var notes: [String] = []
    /// Whether both checkpoints have a tokenizer.
    package internal(set) var isComplete = true
    /// The names of the rules in `settings` by which ordinary texts become other tokens.
    private(set) var brokenRules: Set<String> = []

    /// Whether text becomes other tokens, or tokens other text.
    package var isDifference: Bool {
        !tokens.isEmpty || kindChanges.count > 0 || settings.contains(where: \.isDifference)
    }

    /// By what ordinary texts become other tokens, or ids stand for other tokens, in a few words; nil where neither is so,
    /// whatever special tokens and templates are for.
    package var textDifference: String? {
        if let first = tokens.first {
            return "\(tokens.count) tokens differ, first that of id \(first.id): "
                + "\(first.a?.quoted ?? "none") and \(first.b?.quoted ?? "none")"
        }
        let names = brokenRules.union([MergeAgreement.merges, MergeAgreement.scores, Self.files])
        return settings.first { $0.isDifference && names.contains($0.name) }.map {
            "\($0.name): \($0.a ?? "none") and \($0.b ?? "none")"
        }
    }

    /// The name of tokenizers that cannot be compared otherwise.
    static let files = "files"

    /// Of nothing that differs.
    init() {}

    /// Compares two tokenizers.
    ///
    /// - Parameters:
    ///   - isOneFormat: whether both were read from files of one format; else kinds and texts of added tokens count as
    ///     llama.cpp's converter writes them
    ///   - visible: the special tokens that it has decoded text show, which count as control tokens then
    package init(
        _ a: TokenizerDefinition, _ b: TokenizerDefinition, isOneFormat: Bool = false,
        visible: Set<String> = []
    ) {
        compareTokens(a, b, isOneFormat: isOneFormat, visible: visible)
        for rule in TokenizerRules.differences(a, b) {
            settings.append(
                SettingDifference(.tokenizer, rule.name, rule.a, rule.b, isDifference: rule.counts))
            if rule.isBroken { brokenRules.insert(rule.name) }
        }
        if let difference = MergeAgreement(a, b).difference { settings.append(difference) }
        compareTemplates(a, b)
    }

    // MARK: - Comparing

    private mutating func compareTokens(
        _ a: TokenizerDefinition, _ b: TokenizerDefinition, isOneFormat: Bool, visible: Set<String>
    ) {
        for id in 0..<max(a.tokens.count, b.tokens.count) {
            guard id < a.tokens.count, id < b.tokens.count else {
                let (isInA, isInB) = (id < a.tokens.count, id < b.tokens.count)
                // What only fills the vocabulary up is no token.
                if isInA ? a.isPadding(id) : b.isPadding(id) { continue }
                tokens.append(
                    TokenChange(
                        id: id, a: isInA ? a.tokens.text(id) : nil,
                        b: isInB ? b.tokens.text(id) : nil))
                continue
            }
            if a.tokens[id] != b.tokens[id], isOneFormat || a.plainText(id) != b.plainText(id) {
                tokens.append(
                    TokenChange(id: id, a: a.tokens.text(id), b: b.tokens.text(id)))
            } else if a.kinds[id] != b.kinds[id],
                isOneFormat
                    || a.comparableKind(id, visible: visible)
                        != b.comparableKind(id, visible: visible)
            {
                kindChanges = (kindChanges.count + 1, kindChanges.first ?? id)
            }
        }
    }

    private mutating func compareTemplates(_ a: TokenizerDefinition, _ b: TokenizerDefinition) {
        func templates(_ tokenizer: TokenizerDefinition) -> [(name: String, text: String)] {
            let named = tokenizer.otherChatTemplates.map {
                (TokenizerConversion.plainName($0.name), $0.source)
            }
            return (tokenizer.chatTemplate.map { [("default", $0)] } ?? []) + named
        }
        settings += SettingDifference.between(templates(a), templates(b), .chatTemplate) { _ in true
        }
    }
}

extension TokenizerDefinition {
    /// A token as a text has it: marks in added tokens are spaces, as llama.cpp's converter writes them.
    fileprivate func plainText(_ id: Int) -> ExactString {
        let text = tokens.text(id)
        guard kinds[id].isAdded, !isByteLevel else { return ExactString(text) }
        return ExactString(text.replacing(PreTokenizerRule.spaceMark, with: " "))
    }

    /// What a token is for, as far as it changes anything: an unknown token is found in a text as a control token is,
    /// and one that looks special is one for llama.cpp. A visible token is found as a control token is, too.
    fileprivate func comparableKind(_ id: Int, visible: Set<String>) -> TokenKind {
        switch kinds[id] {
        case .userDefined where visible.contains(tokens.text(id)): .control
        case .unknown: .control
        case .userDefined where SpecialLooks.areSpecial(tokens.text(id)): .control
        case .byte where isByteLevel: .normal
        case let kind: kind
        }
    }
}
