import Formats
import Testing

/// Expects a message that is one line and contains every fragment.
func expectOneLine(
    _ error: some Failure, containing fragments: [String],
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let line = error.description
    #expect(!line.contains { $0.isNewline }, sourceLocation: sourceLocation)
    for fragment in fragments {
        #expect(
            line.contains(fragment), "'\(fragment)' is not in: \(line)",
            sourceLocation: sourceLocation)
    }
}
