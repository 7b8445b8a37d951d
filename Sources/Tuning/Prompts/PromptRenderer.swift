import Formats
public import Transformer

/// Turns prompts into the tokens of one model.
public struct PromptRenderer: Sendable {
    public let tokenizer: Tokenizer
    private let template: Result<ChatTemplate, ChatTemplateError>

    public init(tokenizer: Tokenizer) {
        self.tokenizer = tokenizer
        // A template that is missing or not understood matters only to prompts that need one.
        template = Result { () throws(ChatTemplateError) in try ChatTemplate(tokenizer.definition) }
    }

    /// The tokens of a prompt.
    ///
    /// Turns are rendered with the chat template up to the assistant's, which is begun with the prompt's own text.
    ///
    /// - Parameter asChat: whether a plain string is a user's turn rather than raw text.
    /// - Throws: `ChatTemplateError` where turns cannot be rendered, `PromptError.noTokens` for an empty result.
    public func tokens(_ prompt: Prompt, asChat: Bool = false, place: String) throws -> [Int] {
        let tokens = tokenizer.encode(try text(prompt, asChat: asChat))
        guard !tokens.isEmpty else { throw PromptError.noTokens(place: place) }
        return tokens
    }

    /// The tokens of a prompt, with the assistant's own text as the completion.
    ///
    /// The tokens are those of `tokens(_:asChat:place:)`. A token that covers the end of the turns and the beginning
    /// of the assistant's text counts as completion.
    /// - Throws: as `tokens(_:asChat:place:)`.
    public func sequence(
        _ prompt: Prompt, asChat: Bool = false, place: String
    ) throws -> TokenSequence {
        let tokens = try tokens(prompt, asChat: asChat, place: place)
        var promptCount = tokens.count
        if case .chat(let system, let user, let assistant?) = prompt, !assistant.isEmpty {
            let turns = tokenizer.encode(try render(system: system, user: user, assistant: nil))
            promptCount = zip(turns, tokens).prefix { $0 == $1 }.count
        }
        return TokenSequence(
            prompt: Array(tokens[..<promptCount]), completion: Array(tokens[promptCount...]),
            place: place)
    }

    /// A completion after a prompt's tokens: plain text, cut into tokens by itself.
    ///
    /// - Throws: `PromptError.noTokens` where the text gives no tokens.
    public func continuation(
        _ completion: String, of prompt: [Int], place: String
    ) throws(PromptError) -> TokenSequence {
        let tokens = tokenizer.encode(completion, addSpecial: false, parseSpecial: false)
        guard !tokens.isEmpty else { throw .noTokens(place: place) }
        return TokenSequence(prompt: prompt, completion: tokens, place: place)
    }

    /// The text of a prompt as the model sees it.
    public func text(_ prompt: Prompt, asChat: Bool = false) throws -> String {
        switch prompt {
        case .text(let text):
            return asChat ? try render(system: nil, user: text, assistant: nil) : text
        case .chat(let system, let user, let assistant):
            return try render(system: system, user: user, assistant: assistant)
        }
    }

    /// The tokens that end an assistant's turn: what the chat template writes after the message, up to the first
    /// token that ends generation. Where the template's assistant turns are not rendered, the file's own end of
    /// turn or else of text; none without a template.
    public var endOfTurn: [Int] {
        guard let template = try? template.get() else { return [] }
        guard let text = template.assistantEnd else {
            let definition = tokenizer.definition
            return [definition.endOfTurn ?? definition.endOfText].compactMap { $0 }
        }
        let tokens = tokenizer.encode(text, addSpecial: false)
        guard let end = tokens.firstIndex(where: tokenizer.endOfGeneration.contains) else {
            return []
        }
        return Array(tokens[...end])
    }

    private func render(system: String?, user: String?, assistant: String?) throws -> String {
        var messages: [ChatMessage] = []
        if let system { messages.append(ChatMessage(.system, system)) }
        if let user { messages.append(ChatMessage(.user, user)) }
        return try template.get().render(messages, addGenerationPrompt: true) + (assistant ?? "")
    }
}
