import Formats

/// A call of rtedit that makes no sense.
enum UsageError: Failure, Equatable {
    case noCommand
    case unknownCommand(String, suggestion: String?)
    case unknownOption(String, suggestion: String?)
    case missingValue(option: String, valueName: String)
    case unexpectedValue(option: String, value: String)
    /// `place` is the option or positional argument; `expected` completes "is not …".
    case invalidValue(place: String, value: String, expected: String)
    case missingArgument(String)
    /// `suggestion` is an option that the word may be meant for, with it.
    case extraArgument(String, suggestion: String? = nil)
    /// An option for what is told by its place; `call` has it there.
    case outputHasAPlace(option: String, call: String)
    case missingOption(String)
    case missingOneOf([String])
    case conflict([String])
    /// An option that means nothing without another one; `other` completes "needs …".
    case needs(option: String, other: String)
    /// An option that says something else than a file which the call is held to.
    case contradiction(option: String, fact: String)

    var kind: FailureKind { .usage }

    var description: String {
        switch self {
        case .noCommand: "no command is given"
        case .unknownCommand(let name, let suggestion):
            "'\(name)' is not a command" + Self.hint(suggestion)
        case .unknownOption(let name, let suggestion):
            "unknown option '\(name)'" + Self.hint(suggestion)
        case .missingValue(let option, let valueName): "\(option): needs a value (\(valueName))"
        case .unexpectedValue(let option, let value):
            "\(option): takes no value, but has '\(value)'"
        case .invalidValue(let place, let value, let expected):
            "\(place): '\(value)' is not \(expected)"
        case .missingArgument(let name): "argument \(name) is missing"
        case .extraArgument(let value, let suggestion):
            "one argument too many: '\(value)'" + Self.hint(suggestion)
        case .outputHasAPlace(let option, let call):
            "unknown option '\(option)': the output is the last word: \(call)"
        case .missingOption(let option): "\(option) is missing"
        case .missingOneOf(let options):
            options.count == 1
                ? "\(options[0]) is missing"
                : "one of \(options.joined(separator: ", ")) is missing"
        case .conflict(let options):
            "only one of \(options.joined(separator: ", ")) can be given"
        case .needs(let option, let other): "\(option): needs \(other)"
        case .contradiction(let option, let fact): "\(option): \(fact)"
        }
    }

    private static func hint(_ suggestion: String?) -> String {
        suggestion.map { "; did you mean '\($0)'?" } ?? ""
    }
}
