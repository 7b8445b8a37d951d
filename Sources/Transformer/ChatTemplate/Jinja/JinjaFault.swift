/// Why a template cannot be read or run; `ChatTemplateError` adds the line.
enum JinjaFault: Error, Equatable {
    /// jinja2 would refuse the text itself.
    case malformed(String)
    /// jinja2 knows it, rtedit does not.
    case unsupported(String)
    /// jinja2 would fail at it while rendering.
    case failed(String)
    /// The template calls `raise_exception`.
    case raised(String)
    /// A limit is reached that no honest template comes near.
    case tooLarge(String)
}

/// Counts what a rendering takes, so that a hostile template ends in an error.
final class JinjaBudget {
    /// The most values a rendering may compute.
    static let stepLimit = 1_000_000
    /// The most code points all texts of a rendering may have together, beside those given to it.
    static let textLimit = 1 << 24
    /// How deep expressions, blocks and macro calls may nest while they run.
    static let depthLimit = 240
    /// How deep lists and dictionaries may nest.
    static let valueDepthLimit = 48

    private var steps = 0
    private var scalars = 0
    private let scalarLimit: Int

    /// - Parameter given: how many code points the template and the conversation have.
    init(given: Int) {
        scalarLimit = Self.textLimit + 64 * given
    }

    /// Takes steps.
    func spend(_ count: Int = 1) throws(JinjaFault) {
        steps += count
        guard steps <= Self.stepLimit else {
            throw .tooLarge("takes more than \(Self.stepLimit) steps")
        }
    }

    /// Makes a text of so many code points.
    func hold(_ count: Int) throws(JinjaFault) {
        let (sum, overflow) = scalars.addingReportingOverflow(max(0, count))
        scalars = sum
        guard !overflow, scalars <= scalarLimit else {
            throw .tooLarge("makes texts of more than \(scalarLimit) characters")
        }
        try spend(1 + count / 64)
    }
}
