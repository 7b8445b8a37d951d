package import Formats

/// A tensor cannot serve as a weight matrix.
package enum WeightMatrixError: Failure, Hashable {
    case unsupportedType(tensor: String, type: ElementType)
    /// A matrix that is stored transposed is read by columns, which blocks of a row do not allow.
    case transposedBlocks(tensor: String, type: ElementType)
    /// The shape is not (rows, columns) with both from 1 to 2³¹ − 1.
    case wrongShape(tensor: String, shape: [Int])
    case sizeMismatch(tensor: String, expected: Int?, bytes: Int)

    package var kind: FailureKind {
        switch self {
        case .unsupportedType, .transposedBlocks: .unsupported
        case .wrongShape, .sizeMismatch: .input
        }
    }

    package var remedy: String? {
        kind == .unsupported ? "'rtedit convert' writes it as a plain type (--type bf16)" : nil
    }

    package var description: String {
        switch self {
        case .unsupportedType(let tensor, let type):
            "tensor '\(tensor)': arithmetic with elements of type \(type.name) is not supported"
        case .transposedBlocks(let tensor, let type):
            "tensor '\(tensor)': a matrix that is stored transposed cannot have elements of type \(type.name)"
        case .wrongShape(let tensor, let shape):
            "tensor '\(tensor)': expected a matrix, but its shape is \(shape)"
        case .sizeMismatch(let tensor, let expected?, let bytes):
            "tensor '\(tensor)': its elements take \(expected) bytes, but there are \(bytes)"
        case .sizeMismatch(let tensor, nil, let bytes):
            "tensor '\(tensor)': its rows are no whole number of blocks, or too large (\(bytes) bytes)"
        }
    }
}
