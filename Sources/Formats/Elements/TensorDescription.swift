/// A tensor's name, element type and shape; no data.
///
/// The shape is in C order, as in safetensors and NumPy: the last dimension is contiguous. A GGUF file lists
/// the same dimensions reversed (`ne`).
package struct TensorDescription: Hashable, Sendable {
    package let name: String
    package let type: ElementType
    package let shape: [Int]

    package init(name: String, type: ElementType, shape: [Int]) {
        self.name = name
        self.type = type
        self.shape = shape
    }

    /// The number of elements, or nil on overflow.
    package var elementCount: Int? {
        var product = 1
        for dimension in shape {
            let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
            guard !overflow, dimension >= 0 else { return nil }
            product = next
        }
        return product
    }

    /// The number of bytes the data takes, or nil where rows are no whole number of blocks or the size overflows.
    package var byteCount: Int? {
        guard let elementCount else { return nil }
        if type.isQuantized, (shape.last ?? 0) % type.elementsPerBlock != 0 { return nil }
        return type.byteCount(elements: elementCount)
    }

    /// The length of a row: the last dimension, or 1 for a scalar.
    package var columns: Int { shape.last ?? 1 }

    /// How many rows of `columns` elements the tensor has; 0 where it is empty or its size overflows.
    package var rows: Int {
        guard let elementCount, columns > 0 else { return 0 }
        return elementCount / columns
    }
}
