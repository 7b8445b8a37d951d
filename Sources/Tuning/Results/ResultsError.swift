package import Formats

/// Results of a run that another run cannot go on from.
package enum ResultsError: Failure, Equatable {
    case badLine(file: String, line: Int)
    /// `differing` names what the runs do not have in common.
    case otherRun(file: String, differing: [String])

    package var kind: FailureKind { .input }

    package var description: String {
        switch self {
        case .badLine(let file, let line): "\(file):\(line): is no result of this kind of run"
        case .otherRun(let file, let differing):
            "\(file): belongs to a run that differs in \(differing.joined(separator: ", "))"
        }
    }
}
