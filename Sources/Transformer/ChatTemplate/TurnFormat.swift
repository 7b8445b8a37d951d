/// How one template writes a conversation, read from its own text.
struct TurnFormat: Sendable {
    /// The system message as a turn of its own; nil where the template has none.
    var system: [TemplatePart]?
    var user: [TemplatePart]
    var assistant: [TemplatePart]?
    /// Why there is no `assistant`, where the template does have such turns.
    var refusal: String?
    /// A user turn that carries the system message.
    var userWithSystem: [TemplatePart]?
    /// The system message goes with the last user turn, not the first, and only where that ends the conversation.
    var putsSystemLast = false
    /// Stands before the first turn.
    var beginning: [TemplatePart] = []
    /// The system message where the conversation has none.
    var defaultSystem: String?
    /// User and assistant must take turns.
    var alternates = false
    /// The name of the assistant's role.
    var assistantRole = "assistant"
    var generationPrompt = ""
    /// The generation prompt is written whether asked for or not.
    var alwaysPrompts = false
    /// The generation prompt is left out where the assistant spoke last.
    var promptsOnlyAfterOthers = false
    /// Stands at the end where no generation prompt does.
    var ending: [TemplatePart] = []

    /// What stands for the special tokens.
    struct SpecialTexts: Sendable {
        let beginningOfText: String
        let endOfText: String
    }

    func render(
        _ messages: [ChatMessage], addGenerationPrompt: Bool, family: ChatTemplate.Family,
        special: SpecialTexts
    ) throws(ChatTemplateError) -> String {
        let given = messages.first.flatMap { $0.role == .system ? $0.content : nil }
        var turns = messages[...]
        if userWithSystem != nil, given != nil { turns.removeFirst() }
        try check(turns.drop { $0.role == .system }, family)
        let writer = PartWriter(
            format: self, special: special, system: given ?? defaultSystem ?? "")
        var text = writer.write(beginning, nil)
        if userWithSystem == nil, given == nil, let system, let defaultSystem {
            text += writer.write(system, ChatMessage(.system, defaultSystem))
        }
        let hasSystem = given != nil || defaultSystem != nil
        let bearer = hasSystem && userWithSystem != nil ? systemBearer(turns) : nil
        for place in turns.indices {
            let message = turns[place]
            let parts =
                switch message.role {
                case .system: system
                case .user: place == bearer ? userWithSystem : user
                case .assistant: assistant
                }
            guard let parts else {
                if let refusal, message.role == .assistant {
                    throw .unsupported(family: family, reason: refusal)
                }
                throw .roleNotSupported(family: family, role: message.role)
            }
            text += writer.write(parts, message)
        }
        let prompts =
            (addGenerationPrompt || alwaysPrompts)
            && !(promptsOnlyAfterOthers && turns.last?.role == .assistant)
        return text + (prompts ? generationPrompt : "")
            + (addGenerationPrompt ? "" : writer.write(ending, nil))
    }

    /// What stands after an assistant's message, or nil where such turns are not rendered.
    func assistantEnd(special: SpecialTexts) -> String? {
        let content = assistant?.lastIndex { if case .content = $0 { true } else { false } }
        guard let assistant, let content else { return nil }
        return PartWriter(format: self, special: special, system: "")
            .write(Array(assistant[(content + 1)...]), nil)
    }

    /// The user turn that carries the system message.
    private func systemBearer(_ turns: ArraySlice<ChatMessage>) -> Int? {
        guard putsSystemLast else { return turns.firstIndex { $0.role == .user } }
        return turns.last?.role == .user ? turns.endIndex - 1 : nil
    }

    private func check(_ turns: ArraySlice<ChatMessage>, _ family: ChatTemplate.Family)
        throws(ChatTemplateError)
    {
        guard alternates else { return }
        for (place, message) in turns.enumerated()
        where message.role != (place.isMultiple(of: 2) ? .user : .assistant) {
            throw .rolesDoNotAlternate(family: family, message: place)
        }
    }
}

/// Puts a message's values in place of the parts.
private struct PartWriter {
    let format: TurnFormat
    let special: TurnFormat.SpecialTexts
    let system: String

    func write(_ parts: [TemplatePart], _ message: ChatMessage?) -> String {
        parts.map { part in
            switch part {
            case .literal(let text): text
            case .role:
                message?.role == .assistant ? format.assistantRole : message?.role.rawValue ?? ""
            case .content(let trimmed):
                trimmed ? (message?.content ?? "").trimmingSpaces : message?.content ?? ""
            case .system(let trimmed): trimmed ? system.trimmingSpaces : system
            case .beginningOfText: special.beginningOfText
            case .endOfText: special.endOfText
            case .joined(let parts, let trimmed):
                trimmed ? write(parts, message).trimmingSpaces : write(parts, message)
            case .other(let text): text
            }
        }.joined()
    }
}
