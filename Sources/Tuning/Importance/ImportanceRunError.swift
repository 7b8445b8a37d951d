package import Formats

/// An importance matrix that cannot be measured, or not gone on with.
package enum ImportanceRunError: Failure, Equatable {
    case shortText(tokens: Int, chunkSize: Int)
    case tiedOutput(model: String)
    /// GGUF files have no name for it.
    case unnamed(WeightRole)
    case notFinite(weight: String, chunk: Int)
    /// A file to go on with that this run did not make.
    case otherRun(file: String)
    case otherShape(
        file: String, entry: String, sums: Int, counts: Int, matrices: Int, columns: Int)

    package var kind: FailureKind {
        switch self {
        case .tiedOutput, .unnamed: .unsupported
        case .shortText, .notFinite, .otherRun, .otherShape: .input
        }
    }

    package var remedy: String? {
        switch self {
        case .tiedOutput: "leave --process-output out"
        default: nil
        }
    }

    package var description: String {
        switch self {
        case .shortText(let tokens, let chunkSize):
            "the text has \(tokens) tokens, which do not fill a chunk of \(chunkSize)"
        case .tiedOutput(let model):
            "\(model): has no output weight of its own; its head is the token embedding"
        case .unnamed(let role): "GGUF files have no name for \(role)"
        case .notFinite(let weight, let chunk):
            "the inputs of '\(weight)' are not finite, or their squares too large, by chunk \(chunk)"
        case .otherRun(let file):
            "\(file): was not begun by this call: the model, the text, the length of chunks, the files added to, or the "
                + "weights looked at are others"
        case .otherShape(let file, let entry, let sums, let counts, let matrices, let columns):
            "\(file): entry \(entry.quoted) has \(sums) sums and \(counts) counts, but the model's weight "
                + "\(matrices) x \(columns) inputs"
        }
    }
}
