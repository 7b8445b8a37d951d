package import Formats

/// Why a checkpoint cannot be run by the decoder.
package enum DecoderError: Failure, Equatable {
    /// Rotary parameters that give no frequencies.
    case badRotary(file: String, fact: String)
    /// A weight that the decoder needs is not there.
    case missingWeight(file: String, role: WeightRole)
    /// A weight's shape contradicts the model's numbers.
    case wrongShape(file: String, tensor: String, expected: [Int], found: [Int])
    /// A weight's element type cannot be computed with.
    case unsupportedType(file: String, tensor: String, type: ElementType)
    /// A tensor that the decoder would have to ignore.
    case unusedTensor(file: String, tensor: String)

    package var kind: FailureKind {
        switch self {
        case .unsupportedType, .unusedTensor: .unsupported
        case .badRotary, .missingWeight, .wrongShape: .input
        }
    }

    package var remedy: String? {
        switch self {
        case .unsupportedType: "store the tensor as bf16, f16 or f32 with the program that made it"
        case .unusedTensor: "inspect, hash, metadata and delta work on it all the same"
        default: nil
        }
    }

    package var description: String {
        switch self {
        case .badRotary(let file, let fact):
            "\(file): rotary embedding: \(fact)"
        case .missingWeight(let file, let role):
            "\(file): the weight '\(role)' is missing"
        case .wrongShape(let file, let tensor, let expected, let found):
            "\(file): tensor '\(tensor)' has shape \(found), but the model's sizes ask for \(expected)"
        case .unsupportedType(let file, let tensor, let type):
            "\(file): tensor '\(tensor)' is of type \(type.name), which rtedit cannot compute with"
        case .unusedTensor(let file, let tensor):
            "\(file): tensor '\(tensor)' has no place in this architecture, so running without it would be wrong"
        }
    }
}
