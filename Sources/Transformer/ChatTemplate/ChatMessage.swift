/// One message of a conversation.
package struct ChatMessage: Sendable, Hashable {
    /// Who speaks.
    package enum Role: String, Sendable, Hashable, CaseIterable {
        case system
        case user
        case assistant
    }

    package var role: Role
    package var content: String

    package init(_ role: Role, _ content: String) {
        self.role = role
        self.content = content
    }
}
