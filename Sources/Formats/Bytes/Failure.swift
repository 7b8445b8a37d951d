/// What kind of failure an error is; the program turns it into its exit code.
package enum FailureKind: Sendable {
    /// The caller asked for something that makes no sense (exit code 2).
    case usage
    /// An input cannot be read or breaks the rules of its format (exit code 3).
    case input
    /// An input was understood, but rtedit does not support what it asks for (exit code 4).
    case unsupported
    /// An output could not be written (exit code 5).
    case output
}

/// An error that rtedit reports to its user: a fact with its numbers, in one line.
///
/// `description` names the file, the tensor or key, the offset and both numbers where they exist.
package protocol Failure: Error, CustomStringConvertible {
    var kind: FailureKind { get }
    /// What its user can do in place of what failed, in words that can follow a semicolon; nil where the description
    /// says so itself.
    var remedy: String? { get }
}

extension Failure {
    package var remedy: String? { nil }

    /// The fact and what can be done about it.
    package var message: String { description + (remedy.map { "; \($0)" } ?? "") }
}
