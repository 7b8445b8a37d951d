/// Which tokens of a sequence are looked at. A sequence is a prompt and then a completion: the assistant's own text,
/// which may be empty.
///
/// Several tokens stand for the mean over them.
package enum Position: Sendable, Hashable {
    /// A token of the whole sequence; negative ones count from the end, −1 being the last.
    case index(Int)
    /// The N-th token before the completion, N ≥ 1: 1 is the last of the prompt.
    case beforeCompletion(Int)
    /// All tokens of the sequence.
    case all
    /// All tokens before the completion.
    case prompt
    /// All tokens of the completion.
    case completion

    private static let beforeCompletionPrefix = "before-completion:"

    /// Reads `last`, `mean` (or `all`), `prompt`, `completion`, `before-completion:N` or an integer; nil for anything
    /// else.
    package init?(_ text: String) {
        switch text {
        case "last": self = .index(-1)
        case "mean", "all": self = .all
        case "prompt": self = .prompt
        case "completion": self = .completion
        default:
            if text.hasPrefix(Self.beforeCompletionPrefix) {
                let digits = text.dropFirst(Self.beforeCompletionPrefix.count)
                guard let distance = Int(digits), distance >= 1 else { return nil }
                self = .beforeCompletion(distance)
            } else {
                guard let index = Int(text) else { return nil }
                self = .index(index)
            }
        }
    }

    /// The text that reads back as this position.
    package var text: String {
        switch self {
        case .index(-1): "last"
        case .index(let index): String(index)
        case .beforeCompletion(let distance): Self.beforeCompletionPrefix + String(distance)
        case .all: "mean"
        case .prompt: "prompt"
        case .completion: "completion"
        }
    }

    /// The tokens meant in a sequence of `totalCount` tokens, the first `promptCount` of which come before the
    /// completion; nil where it has none such.
    ///
    /// - Precondition: 0 ≤ `promptCount` ≤ `totalCount`.
    package func tokens(promptCount: Int, totalCount: Int) -> Range<Int>? {
        let range: Range<Int>
        switch self {
        case .index(let index):
            // Compared before adding: an index may be as large as an integer can be.
            guard index >= -totalCount, index < totalCount else { return nil }
            let place = index < 0 ? totalCount + index : index
            range = place..<place + 1
        case .beforeCompletion(let distance):
            guard distance >= 1, distance <= promptCount else { return nil }
            range = promptCount - distance..<promptCount - distance + 1
        case .all: range = 0..<totalCount
        case .prompt: range = 0..<promptCount
        case .completion: range = promptCount..<totalCount
        }
        return range.isEmpty ? nil : range
    }
}
