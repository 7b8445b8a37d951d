import Formats
import Transformer

/// The tuned parameters cut into parts of fixed size, each of which one thread takes as a whole: results do not
/// depend on how many threads there are.
struct ParameterParts {
    struct Part {
        /// The parameter's index.
        let parameter: Int
        let range: Range<Int>
    }

    let parts: [Part]

    /// Values in a part: enough to be worth a claim, few enough to share small models out.
    static let partSize = 1 << 15

    init(_ parameters: [TunedParameter], partSize: Int = Self.partSize) {
        parts = parameters.enumerated().flatMap { index, parameter in
            stride(from: 0, to: parameter.values.count, by: partSize).map { start in
                Part(
                    parameter: index, range: start..<min(start + partSize, parameter.values.count))
            }
        }
    }

    /// Runs the body once for every part.
    func run(_ crew: WorkCrew, _ body: (Part) -> Void) {
        crew.run(parts.count) { body(parts[$0]) }
    }
}
