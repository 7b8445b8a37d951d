package import Formats

/// Two checkpoints that cannot be compared.
package enum VerificationError: Failure, Equatable {
    case differentModels(base: String, edited: String, what: String, numbers: [Int])
    case noPrompts

    package var kind: FailureKind {
        switch self {
        case .differentModels: .input
        case .noPrompts: .usage
        }
    }

    package var description: String {
        switch self {
        case .differentModels(let base, let edited, let what, let numbers):
            "\(edited): has \(what) \(numbers[1]), but \(base) has \(numbers[0])"
        case .noPrompts: "there are no prompts to verify on"
        }
    }
}
