/// What a GGUF file holds.
package enum GGUFContent: Sendable, Equatable {
    case model
    /// Directions of the residual stream, llama.cpp's control vectors.
    case steeringVector
    /// Low-rank updates of a model that the file does not hold.
    case adapter
    case importanceMatrix

    package init(_ metadata: GGUFMetadata) {
        let kind = metadata["general.type"]?.text
        if metadata["general.architecture"]?.text == "controlvector" {
            self = .steeringVector
        } else if kind == "adapter" {
            self = .adapter
        } else if kind == "imatrix" {
            self = .importanceMatrix
        } else {
            self = .model
        }
    }

    /// Why the file is not opened as a model; nil for a model.
    var refusal: String? {
        switch self {
        case .model: nil
        case .steeringVector:
            "it is a steering vector ('general.architecture' is 'controlvector'): name the model that it steers"
        case .adapter:
            "it is a low-rank adapter ('general.type' is 'adapter'): merge it into its base"
        case .importanceMatrix: "it is an importance matrix ('general.type' is 'imatrix')"
        }
    }
}
