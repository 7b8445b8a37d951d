public import Formats

/// Writes a conversation as the text that a model was trained on.
///
/// ```swift
/// let template = try ChatTemplate(tokenizer.definition)
/// let prompt = try template.render([ChatMessage(.user, "Hello")])
/// let ids = tokenizer.encode(prompt)
/// ```
///
/// Templates are Jinja programs. They are not run: the family is recognised by its markers, and what stands before
/// and after each message, whether it is trimmed, and the default system message are read from the template's own
/// expressions. Where a template does more than its family (tools, dates, reasoning), the plain conversation is
/// rendered as the template would; what cannot be told is an error. The text may begin with the model's beginning
/// of text: `Tokenizer.encode` never adds a second one.
public struct ChatTemplate: Sendable {
    public enum Family: String, Sendable, CaseIterable {
        case chatML = "ChatML"
        case llama2 = "Llama-2"
        case llama3 = "Llama-3"
        case gemma = "Gemma"
        case mistral = "Mistral"
        case phi3 = "Phi-3"
        case zephyr = "Zephyr"
    }

    public let family: Family
    private let format: TurnFormat
    private let special: TurnFormat.SpecialTexts

    /// - Throws: `ChatTemplateError.none` where the tokenizer has no template; else see `init(source:…)`.
    public init(_ definition: TokenizerDefinition) throws(ChatTemplateError) {
        guard let source = definition.chatTemplate else { throw .none }
        try self.init(
            source: source,
            beginningOfText: definition.beginningOfText.map { definition.tokens.text($0) } ?? "",
            endOfText: definition.endOfText.map { definition.tokens.text($0) } ?? "")
    }

    /// - Parameters:
    ///   - source: the Jinja source
    ///   - beginningOfText: what the template knows as `bos_token`
    ///   - endOfText: what the template knows as `eos_token`
    /// - Throws: `ChatTemplateError.unrecognised` for a template of no known family, `.unsupported` for one whose
    ///   turns cannot be read.
    public init(source: String, beginningOfText: String, endOfText: String)
        throws(ChatTemplateError)
    {
        guard let family = Self.family(of: source) else {
            throw .unrecognised(beginning: Self.beginning(of: source))
        }
        let reader = TurnFormatReader(source: source, family: family)
        self.family = family
        format =
            switch family {
            case .chatML: try reader.chatML()
            case .llama2: try reader.llama2()
            case .llama3: try reader.llama3()
            case .gemma: try reader.gemma()
            case .mistral: try reader.mistral()
            case .phi3: try reader.phi3()
            case .zephyr: try reader.zephyr()
            }
        special = TurnFormat.SpecialTexts(beginningOfText: beginningOfText, endOfText: endOfText)
    }

    /// The text of a conversation.
    ///
    /// - Parameters:
    ///   - messages: the first may be the system message; where it is not, the template's own default is written
    ///   - addGenerationPrompt: end with what stands before the assistant's next message
    /// - Returns: the prompt, ready for `Tokenizer.encode` with special tokens parsed.
    /// - Throws: `ChatTemplateError.roleNotSupported` or `.rolesDoNotAlternate` where the template would refuse.
    public func render(_ messages: [ChatMessage], addGenerationPrompt: Bool = true)
        throws(ChatTemplateError) -> String
    {
        try format.render(
            messages, addGenerationPrompt: addGenerationPrompt, family: family, special: special)
    }

    /// What the template writes after an assistant's message, or nil where it renders no such messages.
    public var assistantEnd: String? { format.assistantEnd(special: special) }

    /// The family whose markers the source has; the order matters, as some have those of others.
    private static func family(of source: String) -> Family? {
        func has(_ marker: String) -> Bool { source.contains(marker) }
        if has("<|im_start|>") { return .chatML }
        if has("[INST]") { return has("<<SYS>>") ? .llama2 : .mistral }
        if has("<|start_header_id|>") { return .llama3 }
        if has("<start_of_turn>") { return .gemma }
        if has("<|assistant|>"), has("<|end|>") { return .phi3 }
        if has("<|user|>"), has("<|assistant|>"), has("eos_token") || has("<|endoftext|>") {
            return .zephyr
        }
        return nil
    }

    /// The source's first characters on one line.
    private static func beginning(of source: String) -> String {
        String(source.prefix(40).map { $0.isNewline ? " " : $0 })
    }
}
