import Formats
import Transformer

/// The tuned parameters cut into parts of fixed size, each of which one thread takes as a whole: results do not
/// depend on how many threads there are.
struct ParameterParts {
    struct Part: Sendable {
        /// The parameter's index.
        let parameter: Int
        /// The index of its section.
        let section: Int
        let range: Range<Int>
    }

    let parts: [Part]

    /// Values in a part: enough to be worth a claim, few enough to share small models out.
    static let partSize = 1 << 15

    init(_ parameters: [TunedParameter], partSize: Int = Self.partSize) {
        parts = parameters.enumerated().flatMap { index, parameter in
            parameter.sections.enumerated().flatMap { place, section in
                parameter.ranges(of: section).flatMap { range in
                    stride(from: range.lowerBound, to: range.upperBound, by: partSize).map {
                        Part(
                            parameter: index, section: place,
                            range: $0..<min($0 + partSize, range.upperBound))
                    }
                }
            }
        }
    }

    /// Runs the body once for every part.
    func run(_ crew: WorkCrew, _ body: @Sendable (Part) -> Void) {
        crew.run(parts.count) { body(parts[$0]) }
    }
}
