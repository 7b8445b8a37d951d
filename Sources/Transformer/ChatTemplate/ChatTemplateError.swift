public import Formats

/// A chat template cannot render a conversation.
public enum ChatTemplateError: Failure, Equatable {
    /// The model's files have no template.
    case none
    /// The template is of no family that rtedit knows.
    case unrecognised(beginning: String)
    /// The template is of a known family, but says something that rtedit does not understand.
    case unsupported(family: ChatTemplate.Family, reason: String)
    /// The family has no place for a message of this role.
    case roleNotSupported(family: ChatTemplate.Family, role: ChatMessage.Role)
    /// User and assistant do not take turns, beginning with the user.
    case rolesDoNotAlternate(family: ChatTemplate.Family, message: Int)

    public var kind: FailureKind {
        switch self {
        case .none, .unrecognised, .unsupported, .roleNotSupported: .unsupported
        case .rolesDoNotAlternate: .usage
        }
    }

    public var description: String {
        let families = ChatTemplate.Family.allCases.map(\.rawValue).joined(separator: ", ")
        let remedy = "leave --chat out and write the model's markers into the prompt yourself"
        return switch self {
        case .none:
            "the model has no chat template; \(remedy)"
        case .unrecognised(let beginning):
            "the chat template is of none of the known families (\(families)); \(remedy); it begins '\(beginning)'"
        case .unsupported(let family, let reason):
            "the \(family.rawValue) chat template \(reason); \(remedy)"
        case .roleNotSupported(let family, let role):
            "the \(family.rawValue) chat template has no place for \(role.rawValue) messages"
        case .rolesDoNotAlternate(let family, let message):
            "message \(message): the \(family.rawValue) chat template wants user and assistant in turn, the user first"
        }
    }
}
