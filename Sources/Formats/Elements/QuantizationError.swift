package import Bytes

/// Elements could not be widened or encoded.
package enum QuantizationError: Failure, Hashable {
    /// rtedit knows the type by name and size only.
    case unsupported(type: ElementType)
    /// The bytes are not those of the elements asked for.
    case sizeMismatch(type: ElementType, elements: Int, bytes: Int)
    /// A value that is to be computed with is no number; `index` counts in the tensor.
    case sourceNotFinite(file: String, tensor: String, index: Int)
    /// A value that no block can hold; `index` counts from the start of the row.
    case notFinite(type: ElementType, index: Int)
    /// The values of a block need a scale beyond the range of half precision; `index` is the block's first element.
    case tooLarge(type: ElementType, index: Int)

    /// An importance is needed for each column of the row that is encoded.
    case importanceCount(columns: Int, importances: Int)
    /// The importance of a column is negative or not finite.
    case invalidImportance(column: Int)
    /// The type's codes cannot be chosen well without an importance of each column.
    case importanceMissing(type: ElementType)

    package var kind: FailureKind {
        switch self {
        case .unsupported, .tooLarge: .unsupported
        case .sizeMismatch, .notFinite, .sourceNotFinite, .importanceCount, .invalidImportance,
            .importanceMissing:
            .input
        }
    }

    package var remedy: String? {
        switch self {
        case .unsupported: "store the tensor as bf16, f16 or f32 with the program that made it"
        case .tooLarge: "--type bf16 or f32 holds them"
        case .importanceMissing: "'rtedit imatrix' makes one (--imatrix FILE)"
        default: nil
        }
    }

    package var description: String {
        switch self {
        case .unsupported(let type):
            "arithmetic with elements of type \(type.name) is not supported"
        case .sizeMismatch(let type, let elements, let bytes):
            if let expected = type.byteCount(elements: elements) {
                "\(elements) elements of type \(type.name) take \(expected) bytes, but there are \(bytes)"
            } else {
                "\(elements) elements are no whole number of \(type.name) blocks of \(type.elementsPerBlock)"
            }
        case .sourceNotFinite(let file, let tensor, let index):
            "\(file): tensor '\(tensor)': value \(index) is not finite"
        case .notFinite(let type, let index):
            "element \(index) is not finite, which \(type.name) cannot hold"
        case .tooLarge(let type, let index):
            "elements \(index) to \(index + type.elementsPerBlock - 1) are too large for a block of \(type.name)"
        case .importanceCount(let columns, let importances):
            "there are \(importances) importances for \(columns) columns"
        case .invalidImportance(let column):
            "the importance of column \(column) is negative or not finite"
        case .importanceMissing(let type):
            "\(type.name) cannot be encoded without an importance matrix"
        }
    }
}
