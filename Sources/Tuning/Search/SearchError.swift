package import Formats

/// A search that cannot be made.
package enum SearchError: Failure, Equatable {
    case scaled(text: String, scale: Float)
    case noBlocks(file: String)
    case fewProbes(file: String, count: Int, needed: Int)
    case notFinite(part: String)
    case unknownNorm(file: String)
    case manyTrials(sets: Int, strengths: Int, limit: Int)

    package var kind: FailureKind {
        switch self {
        case .scaled, .unknownNorm, .manyTrials: .usage
        case .noBlocks, .fewProbes, .notFinite: .input
        }
    }

    package var description: String {
        switch self {
        case .scaled(let text, let scale):
            "'\(text)': has the scale \(scale), but scales are what is tried here: give FILE or FILE@BLOCKS"
        case .noBlocks(let file): "\(file): has no vector for any block"
        case .fewProbes(let file, let count, let needed):
            "\(file): has \(count) probes, but search takes \(needed): it chooses on one half of them and "
                + "reports on the other"
        case .notFinite(let part):
            "the model's predictions on the \(part) probes are not finite without steering"
        case .unknownNorm(let file):
            "\(file): does not say how long the stream is, as vectors of 'extract' do, so that a strength in % "
                + "means nothing: give multiples such as 0.5,1,2"
        case .manyTrials(let sets, let strengths, let limit):
            "\(sets) sets of blocks at \(strengths) strengths are more than \(limit) steerings"
        }
    }
}
