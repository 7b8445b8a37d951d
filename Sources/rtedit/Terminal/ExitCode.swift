import Formats

/// What the program tells its caller when it ends.
enum ExitCode: Int32, Sendable, CaseIterable {
    case done = 0
    /// A check says no: `verify` found no equality, `diff` found differences.
    case checkFailed = 1
    case usage = 2
    case input = 3
    case unsupported = 4
    case output = 5
    /// A signal stopped the work: SIGINT, SIGTERM, SIGHUP or SIGXCPU.
    case interrupted = 130

    init(_ kind: FailureKind) {
        switch kind {
        case .usage: self = .usage
        case .input: self = .input
        case .unsupported: self = .unsupported
        case .output: self = .output
        }
    }

    /// The code's line in the help text.
    var meaning: String {
        switch self {
        case .done: "Done."
        case .checkFailed: "A check says no (not equal, differences found, diverged)."
        case .usage: "Wrong usage."
        case .input: "An input cannot be read or is malformed."
        case .unsupported: "Understood, but not supported."
        case .output: "An output could not be written."
        case .interrupted: "Interrupted."
        }
    }
}
