import Formats
import Synchronization
package import Transformer

/// Turns prompts into the tokens of one model.
package struct PromptRenderer: Sendable {
    package let tokenizer: Tokenizer
    private let template: Result<ChatTemplate, ChatTemplateError>
    private let moment: TemplateMoment
    private let witness: MomentWitness

    /// - Parameters:
    ///   - moment: what a chat template writes where it asks for the present, the same for every prompt
    ///   - tellMoment: called with it when a template first asks
    package init(
        tokenizer: Tokenizer, moment: TemplateMoment = .now(),
        tellMoment: (@Sendable (TemplateMoment) -> Void)? = nil
    ) {
        self.tokenizer = tokenizer
        self.moment = moment
        witness = MomentWitness(tell: tellMoment)
        // A template that is missing or not understood matters only to prompts that need one.
        template = Result { () throws(ChatTemplateError) in try ChatTemplate(tokenizer.definition) }
    }

    /// The day that the chat template writes into plain turns, nil where it writes none.
    package var dayOfTurns: String? {
        let rendering = try? template.get().rendering(of: [ChatMessage(.user, "Hello")], at: moment)
        return rendering?.asksForMoment ?? false ? moment.description : nil
    }

    /// The day that is part of prompts, as far as any was rendered with it.
    package var writtenDay: String? { witness.wasAsked ? moment.description : nil }

    /// The tokens of a prompt.
    ///
    /// Turns are rendered with the chat template up to the assistant's, which is begun with the prompt's own text.
    ///
    /// - Parameter asChat: whether a plain string is a user's turn rather than raw text.
    /// - Throws: `ChatTemplateError` where turns cannot be rendered, `PromptError.noTokens` for an empty result.
    package func tokens(_ prompt: Prompt, asChat: Bool = false, place: String) throws -> [Int] {
        let tokens = tokenizer.encode(try text(prompt, asChat: asChat))
        guard !tokens.isEmpty else { throw PromptError.noTokens(place: place) }
        return tokens
    }

    /// The tokens of a conversation, up to where the assistant's next message begins.
    ///
    /// - Throws: `ChatTemplateError` where it cannot be rendered, `PromptError.noTokens` for an empty result.
    package func tokens(of messages: [ChatMessage], place: String) throws -> [Int] {
        let tokens = tokenizer.encode(try render(messages))
        guard !tokens.isEmpty else { throw PromptError.noTokens(place: place) }
        return tokens
    }

    /// The tokens of a prompt, with the assistant's own text as the completion.
    ///
    /// The tokens are those of `tokens(_:asChat:place:)`. A token that covers the end of the turns and the beginning
    /// of the assistant's text counts as completion.
    /// - Throws: as `tokens(_:asChat:place:)`.
    package func sequence(
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
    package func continuation(
        _ completion: String, of prompt: [Int], place: String
    ) throws(PromptError) -> TokenSequence {
        let tokens = tokenizer.encode(completion, addSpecial: false, parseSpecial: false)
        guard !tokens.isEmpty else { throw .noTokens(place: place) }
        return TokenSequence(prompt: prompt, completion: tokens, place: place)
    }

    /// The text of a prompt as the model sees it.
    package func text(_ prompt: Prompt, asChat: Bool = false) throws -> String {
        switch prompt {
        case .text(let text):
            return asChat ? try render(system: nil, user: text, assistant: nil) : text
        case .chat(let system, let user, let assistant):
            return try render(system: system, user: user, assistant: assistant)
        }
    }

    /// The tokens that end an assistant's turn: what the chat template writes after the message, up to the first
    /// token that ends generation; none without a template.
    ///
    /// A template may leave the end to what follows, as where `<|user|>` ends generation: then what it writes before a
    /// user's next message is taken. Where neither has a token that ends generation, all that it writes after a last
    /// message is the end.
    /// - Throws: `ChatTemplateError` where the template renders no such turns, or writes nothing after them.
    package func endOfTurn() throws(ChatTemplateError) -> [Int] {
        if case .failure(.none) = template { return [] }
        let template = try template.get()
        let last = tokenizer.encode(try template.textAfterAssistant(), addSpecial: false)
        if let end = upToEnd(last) { return end }
        if let text = try? template.textAfterAssistant(isLast: false),
            let end = upToEnd(tokenizer.encode(text, addSpecial: false))
        {
            return end
        }
        guard !last.isEmpty else {
            throw .noAssistantEnd(reason: "writes nothing after an assistant's message")
        }
        return last
    }

    private func upToEnd(_ tokens: [Int]) -> [Int]? {
        tokens.firstIndex(where: tokenizer.endOfGeneration.contains).map { Array(tokens[...$0]) }
    }

    private func render(system: String?, user: String?, assistant: String?) throws -> String {
        var messages: [ChatMessage] = []
        if let system { messages.append(ChatMessage(.system, system)) }
        if let user { messages.append(ChatMessage(.user, user)) }
        return try render(messages) + (assistant ?? "")
    }

    private func render(_ messages: [ChatMessage]) throws -> String {
        let rendering = try template.get().rendering(of: messages, at: moment)
        if rendering.asksForMoment { witness.note(moment) }
        return rendering.text
    }
}

/// Whether a chat template asked for the present moment.
private final class MomentWitness: Sendable {
    private let asked = Mutex(false)
    private let tell: (@Sendable (TemplateMoment) -> Void)?

    init(tell: (@Sendable (TemplateMoment) -> Void)?) { self.tell = tell }

    var wasAsked: Bool { asked.withLock { $0 } }

    func note(_ moment: TemplateMoment) {
        let isFirst = asked.withLock { asked in
            defer { asked = true }
            return !asked
        }
        if isFirst { tell?(moment) }
    }
}
