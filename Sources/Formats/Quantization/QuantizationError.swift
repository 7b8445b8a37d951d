/// Elements could not be widened or encoded.
public enum QuantizationError: Failure, Hashable {
    /// rtedit knows the type by name and size only.
    case unsupported(type: ElementType)
    /// The bytes are not those of the elements asked for.
    case sizeMismatch(type: ElementType, elements: Int, bytes: Int)

    public var kind: FailureKind {
        switch self {
        case .unsupported: .unsupported
        case .sizeMismatch: .input
        }
    }

    public var description: String {
        switch self {
        case .unsupported(let type):
            "arithmetic with elements of type \(type.name) is not supported"
        case .sizeMismatch(let type, let elements, let bytes):
            if let expected = type.byteCount(elements: elements) {
                "\(elements) elements of type \(type.name) take \(expected) bytes, but there are \(bytes)"
            } else {
                "\(elements) elements are no whole number of \(type.name) blocks of \(type.elementsPerBlock)"
            }
        }
    }
}
