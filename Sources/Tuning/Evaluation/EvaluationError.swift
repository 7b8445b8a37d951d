package import Formats

/// A measurement that cannot be made.
package enum EvaluationError: Failure, Equatable {
    case windowLength(length: Int, limit: Int)
    case windowStride(stride: Int, length: Int)
    case shortText(tokens: Int)
    case vocabularySizes(model: Int, other: Int)
    case vocabularyEntries(index: Int)

    package var kind: FailureKind {
        switch self {
        case .windowLength, .windowStride: .usage
        case .shortText, .vocabularySizes, .vocabularyEntries: .input
        }
    }

    package var description: String {
        switch self {
        case .windowLength(let length, let limit):
            "a window of \(length) tokens is impossible: it holds 2 or more, and the model's context ends at \(limit)"
        case .windowStride(let stride, let length):
            "a stride of \(stride) is impossible: windows of \(length) tokens are 1 to \(length) tokens apart"
        case .shortText(let tokens):
            "the text has \(tokens) tokens; the first is never predicted, so that it takes 2 to measure anything"
        case .vocabularySizes(let model, let other):
            "the models cannot be compared: their vocabularies have \(model) and \(other) tokens"
        case .vocabularyEntries(let index):
            "the models cannot be compared: token \(index) stands for different text in their tokenizers"
        }
    }
}
