import Formats

@testable import rtedit

/// A command that fails in the way its argument says.
struct FailingCommand: Command {
    private struct SampleFailure: Failure {
        let kind: FailureKind
        var description: String { "a\nb: \(kind)" }
    }

    private struct ForeignError: Error {}

    private static let way = Positional("WAY", "How to fail.")

    let name = "fail"
    let summary = "Fail."
    let positionals = [way]
    let examples: [Example] = []

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        switch try arguments.text(Self.way) {
        case "check": return .checkFailed
        case "usage": throw SampleFailure(kind: .usage)
        case "input": throw SampleFailure(kind: .input)
        case "unsupported": throw SampleFailure(kind: .unsupported)
        case "output": throw SampleFailure(kind: .output)
        default: throw ForeignError()
        }
    }
}
