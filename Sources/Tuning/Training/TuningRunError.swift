package import Formats

/// A run that cannot begin or continue.
package enum TuningRunError: Failure, Equatable {
    case noExamples
    case noParameters
    case noSteps
    case badState(file: String, fact: String)
    case differs(folder: String, facts: [String])
    case recordChanged(file: String)

    package var kind: FailureKind {
        switch self {
        case .noParameters, .noSteps, .differs: .usage
        case .noExamples, .badState, .recordChanged: .input
        }
    }

    package var description: String {
        switch self {
        case .noExamples: "there are no examples left to tune on"
        case .noParameters: "there are no weights to tune"
        case .noSteps: "the run would make no step"
        case .badState(let file, let fact): "\(file): is no state of a run: \(fact)"
        case .differs(let folder, let facts):
            "\(folder): its run was another one; different are \(facts.joined(separator: ", "))"
        case .recordChanged(let file):
            "\(file): is not the record that its run wrote, so the run cannot be continued"
        }
    }
}
