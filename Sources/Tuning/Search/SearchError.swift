package import Formats

/// A search that cannot be made.
package enum SearchError: Failure, Equatable {
    case scaled(text: String, scale: Float)
    case noBlocks(file: String)
    case fewProbes(file: String, count: Int, needed: Int)
    case notFinite(part: String)

    package var kind: FailureKind {
        if case .scaled = self { .usage } else { .input }
    }

    package var description: String {
        switch self {
        case .scaled(let text, let scale):
            "'\(text)': has the scale \(scale), which is what search looks for: give FILE or FILE@BLOCKS"
        case .noBlocks(let file): "\(file): has no vector for any block"
        case .fewProbes(let file, let count, let needed):
            "\(file): has \(count) probes, but search takes \(needed): it chooses on one half of them and "
                + "reports on the other"
        case .notFinite(let part):
            "the model's predictions on the \(part) probes are not finite without steering"
        }
    }
}
