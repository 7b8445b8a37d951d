/// Two tensors that are the same weight of two checkpoints, as values that can be compared one by one.
package struct TensorPair: Sendable {
    /// The weight; nil where the tensors were matched by name.
    package let role: WeightRole?
    package let a: WeightRows
    package let b: WeightRows
    /// The rows and columns that both have: all of them, or, where an embedding was resized, the first ones.
    package let rows: Int
    package let columns: Int
    /// What brings rows and columns into the canonical order.
    package let order: StorageForm
    /// Whether one side's further rows are padding that the other format leaves out.
    let ignoresPadding: Bool

    /// - Precondition: the shapes are the same, or differ in the first of two or more dimensions.
    init(
        role: WeightRole?, _ a: WeightRows, _ b: WeightRows, order: StorageForm = .canonical,
        ignoresPadding: Bool = false
    ) {
        self.role = role
        self.a = a
        self.b = b
        self.order = order
        self.ignoresPadding = ignoresPadding
        let elements = min(a.shape.reduce(1, *), b.shape.reduce(1, *))
        columns = min(a.change.columns(of: a.shape), b.change.columns(of: b.shape))
        rows = columns > 0 ? elements / columns : 0
    }

    /// How many values are compared.
    package var elementCount: Int { rows * columns }

    /// Whether the two have the same shape.
    package var hasOneShape: Bool { a.shape == b.shape }

    /// Whether the two files have the rows, or the elements of a row, in different orders.
    package var isReordered: Bool { a.isReordered || b.isReordered }

    /// Whether the weight is a matrix that tokens pass through: not a norm, a bias, or a list of numbers.
    package var isMatrix: Bool { a.shape.count == 2 && b.shape.count == 2 }

    /// Reads rows of both sides, widened to f32.
    ///
    /// - Parameters:
    ///   - rows: inside 0 ..< `rows`
    ///   - a: room for `rows.count * columns` values of the first checkpoint
    ///   - b: the same for the second
    /// - Throws: `CheckpointError.cannotEncode` where a type cannot be widened.
    package func read(
        rows: Range<Int>, a valuesA: inout [Float], b valuesB: inout [Float]
    ) throws(CheckpointError) {
        let elements = (rows.lowerBound * columns)..<(rows.upperBound * columns)
        precondition(valuesA.count == elements.count && valuesB.count == elements.count)
        try valuesA.withUnsafeMutableBufferPointer { buffer throws(CheckpointError) in
            try a.read(elements, columns: columns, into: buffer)
        }
        try valuesB.withUnsafeMutableBufferPointer { buffer throws(CheckpointError) in
            try b.read(elements, columns: columns, into: buffer)
        }
    }

    /// Gives the files' pages of some rows back to the system.
    package func releasePages(rows: Range<Int>) {
        a.releasePages(rows: rows, columns: columns)
        b.releasePages(rows: rows, columns: columns)
    }
}
