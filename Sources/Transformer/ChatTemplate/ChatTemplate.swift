package import Formats

/// Writes a conversation as the text that a model was trained on.
///
/// ```swift
/// let template = try ChatTemplate(tokenizer.definition)
/// let prompt = try template.render([ChatMessage(.user, "Hello")])
/// let ids = tokenizer.encode(prompt)
/// ```
///
/// Templates are Jinja programs, and are run as such, with the rules that transformers' `apply_chat_template` sets for
/// jinja2: blocks trimmed, values immutable, `raise_exception`, `strftime_now` and `tojson` its own. The template is
/// given `messages`, `add_generation_prompt`, the special tokens that the model has, and `tools` and `documents`
/// as none. What of Jinja is not here is refused by its name, never rendered otherwise. The text may begin with
/// the model's beginning of text: `Tokenizer.encode` never adds a second one.
package struct ChatTemplate: Sendable {
    /// The most bytes a template may have.
    package static let sizeLimit = 1 << 20

    private let statements: [JinjaStatement]
    private let specialTokens: [String: String]
    private let size: Int

    /// - Throws: `ChatTemplateError.none` where the tokenizer has no template; else see `init(source:…)`.
    package init(_ definition: TokenizerDefinition) throws(ChatTemplateError) {
        guard let source = definition.chatTemplate else { throw .none }
        let tokens = [
            "bos_token": definition.beginningOfText, "eos_token": definition.endOfText,
            "unk_token": definition.unknown, "sep_token": definition.separator,
            "pad_token": definition.padding, "mask_token": definition.mask,
        ]
        try self.init(
            source: source,
            specialTokens: tokens.compactMapValues { $0.map { definition.tokens.text($0) } })
    }

    /// - Parameters:
    ///   - source: the Jinja source
    ///   - specialTokens: what the template knows as `bos_token`, `eos_token` and so on
    /// - Throws: `ChatTemplateError.malformed` for a text that is no Jinja, `.unsupported` for tags and syntax that
    ///   rtedit does not have, `.failed` for filters and tests that jinja2 does not have, `.tooLarge`.
    package init(source: String, specialTokens: [String: String] = [:]) throws(ChatTemplateError) {
        guard source.utf8.count <= Self.sizeLimit else {
            throw .tooLarge(
                line: 1,
                reason: "has \(source.utf8.count) bytes, more than \(Self.sizeLimit)")
        }
        var lexer = JinjaLexer(source)
        let tokens: [JinjaToken]
        do throws(JinjaFault) {
            tokens = try lexer.read()
        } catch {
            throw ChatTemplateError(error, line: lexer.line)
        }
        var parser = JinjaParser(tokens)
        do throws(JinjaFault) {
            statements = try parser.template()
        } catch {
            throw ChatTemplateError(error, line: parser.line)
        }
        self.specialTokens = specialTokens
        size = source.unicodeScalars.count
    }

    /// The text of a conversation.
    ///
    /// - Parameters:
    ///   - messages: as the template takes them; the first may be the system message
    ///   - addGenerationPrompt: end with what stands before the assistant's next message
    ///   - moment: what the template writes where it asks for the present
    /// - Returns: the prompt, ready for `Tokenizer.encode` with special tokens parsed, and whether the moment was
    ///   asked for.
    /// - Throws: `ChatTemplateError.refused` where the template refuses the conversation, `.failed` where it fails
    ///   at it, `.unsupported` where it comes to something that rtedit does not have, `.tooLarge`.
    package func rendering(
        of messages: [ChatMessage], addGenerationPrompt: Bool = true, at moment: TemplateMoment
    ) throws(ChatTemplateError) -> (text: String, asksForMoment: Bool) {
        let texts = messages.map { ($0.role, Scalars($0.content)) }
        let conversation = texts.map { role, content in
            JinjaValue.dictionary(
                JinjaDictionary(texts: [
                    ("role", Scalars(role.rawValue)), ("content", content),
                ]))
        }
        let budget = JinjaBudget(given: texts.reduce(size) { $0 + $1.1.count })
        var line = 1
        do throws(JinjaFault) {
            var variables: [String: JinjaValue] = specialTokens.mapValues { .text($0) }
            variables["messages"] = .list(try JinjaList(conversation))
            variables["add_generation_prompt"] = .bool(addGenerationPrompt)
            variables["tools"] = JinjaValue.none
            variables["documents"] = JinjaValue.none
            let evaluator = JinjaEvaluator(variables: variables, budget: budget, moment: moment)
            defer { line = evaluator.line }
            let text = try evaluator.render(statements).text
            return (text, evaluator.asksForMoment)
        } catch {
            throw ChatTemplateError(error, line: line)
        }
    }

    /// The text of a conversation, at the present moment where the template asks for it.
    ///
    /// - Throws: as `rendering(of:addGenerationPrompt:at:)`.
    package func render(
        _ messages: [ChatMessage], addGenerationPrompt: Bool = true,
        at moment: TemplateMoment = .now()
    ) throws(ChatTemplateError) -> String {
        try rendering(of: messages, addGenerationPrompt: addGenerationPrompt, at: moment).text
    }

    /// What the template writes after an assistant's message.
    ///
    /// Found by rendering one: what stands behind the message's text, whatever that is.
    /// - Parameter isLast: whether the message ends the conversation; else a user's follows, and the result ends
    ///   before its text.
    /// - Throws: `ChatTemplateError.noAssistantEnd` where the text cannot be found again or the rest depends on it;
    ///   else as `rendering(of:addGenerationPrompt:at:)`.
    package func textAfterAssistant(isLast: Bool = true) throws(ChatTemplateError) -> String {
        let moment = TemplateMoment.now()
        let (question, next) = ("Questionforrtedit", "Nextquestionforrtedit")
        var ends: [Substring] = []
        for answer in ["Rteditanswer", "Anotheranswerofrtedit"] {
            var messages = [ChatMessage(.user, question), ChatMessage(.assistant, answer)]
            if !isLast { messages.append(ChatMessage(.user, next)) }
            let text = try render(messages, addGenerationPrompt: false, at: moment)
            let places = text.ranges(of: answer)
            guard let place = places.first, places.count == 1 else {
                throw .noAssistantEnd(
                    reason: places.isEmpty
                        ? "does not write an assistant's message as it is"
                        : "writes an assistant's message \(places.count) times")
            }
            var rest = text[place.upperBound...]
            if !isLast {
                guard let end = rest.firstRange(of: next) else {
                    throw .noAssistantEnd(reason: "does not write a user's message as it is")
                }
                rest = rest[..<end.lowerBound]
            }
            ends.append(rest)
        }
        guard ends[0] == ends[1] else {
            throw .noAssistantEnd(reason: "writes what depends on the message after it")
        }
        return String(ends[0])
    }
}
