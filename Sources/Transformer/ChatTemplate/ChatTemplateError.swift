package import Formats

/// A chat template cannot render a conversation.
package enum ChatTemplateError: Failure, Equatable {
    /// The model's files have no template.
    case none
    /// The template is no Jinja that jinja2 would read.
    case malformed(line: Int, reason: String)
    /// The template uses something of Jinja that rtedit does not have.
    case unsupported(line: Int, what: String)
    /// The template fails at this conversation, as it does under jinja2.
    case failed(line: Int, reason: String)
    /// The template refuses the conversation, in its own words.
    case refused(message: String)
    /// The template reaches a limit that no honest one comes near.
    case tooLarge(line: Int, reason: String)
    /// What the template writes after an assistant's message cannot be told.
    case noAssistantEnd(reason: String)

    package var kind: FailureKind {
        switch self {
        case .none, .unsupported, .refused, .tooLarge, .noAssistantEnd: .unsupported
        case .malformed, .failed: .input
        }
    }

    package var remedy: String? {
        switch self {
        case .none, .unsupported, .tooLarge:
            "leave --chat out and write the model's markers into the prompt yourself"
        default: nil
        }
    }

    package var description: String {
        switch self {
        case .none: "the model has no chat template"
        case .malformed(let line, let reason):
            "the chat template is malformed: line \(line): \(reason)"
        case .unsupported(let line, let what):
            "the chat template uses \(what) (line \(line)), which rtedit does not have"
        case .failed(let line, let reason):
            "the chat template fails at this conversation: line \(line): \(reason)"
        case .refused(let message):
            "the chat template refuses this conversation: \(Self.onOneLine(message))"
        case .tooLarge(let line, let reason):
            "the chat template \(reason) (line \(line))"
        case .noAssistantEnd(let reason):
            "the chat template \(reason), so where an assistant's turn ends cannot be told; "
                + "tune --no-end-turn does without"
        }
    }

    init(_ fault: JinjaFault, line: Int) {
        self =
            switch fault {
            case .malformed(let reason): .malformed(line: line, reason: Self.onOneLine(reason))
            case .unsupported(let what): .unsupported(line: line, what: Self.onOneLine(what))
            case .failed(let reason): .failed(line: line, reason: Self.onOneLine(reason))
            case .raised(let message): .refused(message: message)
            case .tooLarge(let reason): .tooLarge(line: line, reason: reason)
            }
    }

    /// Words of a template, which may hold anything, short and on one line.
    private static func onOneLine(_ text: String) -> String {
        let limit = 300
        let plain = text.prefix(limit).unicodeScalars.map { scalar -> Unicode.Scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: " "
            default: scalar
            }
        }
        return plain.text + (text.count > limit ? " …" : "")
    }
}
