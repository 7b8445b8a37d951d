import Formats

/// How one side of a contrast is made of an example's prompt.
package enum ContrastTemplate: Sendable, Hashable {
    /// The user's text, or all of a plain one, with something before and after it.
    case around(before: String, after: String)
    /// A system text, which turns without one receive.
    case system(String)

    /// What stands for the prompt in a text.
    package static let mark = "{prompt}"

    /// Reads a text with the mark in it, or a system text without; nil for an empty one, one that is the mark alone, and
    /// one with the mark in two places.
    package init?(_ text: String) {
        let parts = text.split(separator: Self.mark, omittingEmptySubsequences: false)
        switch parts.count {
        case 1 where !text.isEmpty: self = .system(text)
        case 2 where text != Self.mark:
            self = .around(before: String(parts[0]), after: String(parts[1]))
        default: return nil
        }
    }

    /// The prompt in this form.
    ///
    /// - Parameter asChat: whether a plain string is a user's turn.
    /// - Throws: `PromptError.ownSystemText`; `TuningDataError.noTurns` for a system text of a prompt without turns,
    ///   `.noUserText`.
    func applied(to prompt: Prompt, asChat: Bool, place: String) throws -> Prompt {
        switch (self, prompt) {
        case (.around(let before, let after), .text(let text)): return .text(before + text + after)
        case (.around(let before, let after), .chat(let system, let user, let assistant)):
            guard let user else { throw TuningDataError.noUserText(place: place) }
            return .chat(system: system, user: before + user + after, assistant: assistant)
        case (.system(let system), .text(let text)):
            guard asChat else { throw TuningDataError.noTurns(place: place) }
            return .chat(system: system, user: text, assistant: nil)
        case (.system(let text), .chat(let system, let user, let assistant)):
            guard system == nil else { throw PromptError.ownSystemText(place: place) }
            return .chat(system: text, user: user, assistant: assistant)
        }
    }
}

/// Where the two other prompts of each example come from.
package enum ContrastSource: Sendable, Hashable {
    /// From the members `positive` and `negative` of its line.
    case lines
    /// They are made of its prompt.
    case templates(positive: ContrastTemplate, negative: ContrastTemplate)

    /// The prompts of a line.
    ///
    /// - Throws: `PromptError.missingMember` and others for a line's own; `TuningDataError.ownContrast` where it has some
    ///   beside templates; as `ContrastTemplate.applied`.
    func prompts(
        of line: JSONObject, prompt: Prompt, asChat: Bool, place: String
    ) throws -> (positive: Prompt, negative: Prompt) {
        func own(_ key: String) throws(PromptError) -> Prompt {
            guard let value = line[key] else { throw .missingMember(place: place, key: key) }
            return try Prompt(value, place: place)
        }
        switch self {
        case .lines: return (try own("positive"), try own("negative"))
        case .templates(let positive, let negative):
            if let key = ["positive", "negative"].first(where: { line[$0] != nil }) {
                throw TuningDataError.ownContrast(place: place, key: key)
            }
            return (
                try positive.applied(to: prompt, asChat: asChat, place: place),
                try negative.applied(to: prompt, asChat: asChat, place: place)
            )
        }
    }
}
