package import Formats

/// A weight matrix (rows, columns) of any supported type. Its bytes stay where they are, in the file's type, and are
/// widened while they are used: never a whole f32 copy.
///
/// A matrix of plain elements may be stored transposed, as GPT-2's are in Hugging Face files; it is used as it lies.
package struct WeightMatrix: Sendable {
    /// How many outputs it has.
    package let rows: Int
    /// How many inputs it has.
    package let columns: Int
    package var type: ElementType { stored.type }
    /// Whether it is stored as (columns, rows).
    package let isTransposed: Bool
    private let stored: StoredMatrix

    /// A view of a checkpoint's tensor.
    ///
    /// - Parameters:
    ///   - tensor: (rows, columns), or (columns, rows) where it is transposed
    ///   - isTransposed: which of the two it is
    ///   - factor: what all its values are multiplied by
    /// - Throws: `WeightMatrixError` where the tensor is not a matrix of a type that arithmetic knows, its bytes are
    ///   not as many as its shape says, or quantised blocks are to be used transposed.
    package init(
        tensor: StoredTensor, isTransposed: Bool = false, factor: Float = 1
    ) throws(WeightMatrixError) {
        let stored = try StoredMatrix(tensor: tensor, factor: factor)
        guard !isTransposed || !tensor.type.isQuantized else {
            throw .transposedBlocks(tensor: tensor.name, type: tensor.type)
        }
        self.init(stored, isTransposed: isTransposed)
    }

    /// A view of a weight of a checkpoint, be it one tensor or packed in several.
    ///
    /// - Parameters:
    ///   - isTransposed: whether it is (columns, rows)
    ///   - factor: what all its values are multiplied by
    /// - Throws: `WeightMatrixError` as the other.
    package init(
        weight: WeightTensor, isTransposed: Bool = false, factor: Float = 1
    ) throws(WeightMatrixError) {
        switch weight.storage {
        case .plain(let tensor):
            try self.init(tensor: tensor, isTransposed: isTransposed, factor: factor)
        case .packed(let packed):
            self.init(try StoredMatrix(packed: packed, factor: factor), isTransposed: isTransposed)
        }
    }

    /// An f32 matrix in memory, which changes where the memory does.
    ///
    /// - Precondition: there are rows · columns values, and at least one.
    package init(rows: Int, columns: Int, buffer: FloatBuffer) {
        self.init(StoredMatrix(rows: rows, columns: columns, buffer: buffer), isTransposed: false)
    }

    private init(_ stored: StoredMatrix, isTransposed: Bool) {
        self.stored = stored
        self.isTransposed = isTransposed
        rows = isTransposed ? stored.columns : stored.rows
        columns = isTransposed ? stored.rows : stored.columns
    }

    /// output = input · Wᵀ, in f32; the same bits for every crew.
    ///
    /// - Parameters:
    ///   - input: (tokens, columns)
    ///   - tokens: how many input rows there are
    ///   - output: (tokens, rows)
    ///   - crew: the threads that share the work
    package func multiply(
        _ input: UnsafePointer<Float>, tokens: Int, into output: UnsafeMutablePointer<Float>,
        crew: WorkCrew
    ) {
        if isTransposed {
            stored.multiplyColumns(
                input, tokens: tokens, into: output, accumulating: false, crew)
        } else {
            stored.multiplyRows(input, tokens: tokens, into: output, accumulating: false, crew)
        }
    }

    /// The gradient of a product's input from that of its output: inputGradient (+)= outputGradient · W, in f32; the
    /// same bits for every crew.
    ///
    /// - Parameters:
    ///   - inputGradient: (tokens, columns)
    ///   - outputGradient: (tokens, rows)
    ///   - tokens: how many rows both have
    ///   - accumulating: whether the gradient is added or overwritten
    ///   - crew: the threads that share the work
    package func multiplyBackward(
        _ inputGradient: UnsafeMutablePointer<Float>, outputGradient: UnsafePointer<Float>,
        tokens: Int, accumulating: Bool, crew: WorkCrew
    ) {
        if isTransposed {
            stored.multiplyRows(
                outputGradient, tokens: tokens, into: inputGradient, accumulating: accumulating,
                crew)
        } else {
            stored.multiplyColumns(
                outputGradient, tokens: tokens, into: inputGradient, accumulating: accumulating,
                crew)
        }
    }

    /// Widens one row (an embedding look-up) to `columns` floats.
    ///
    /// - Precondition: 0 ≤ row < rows.
    package func widenRow(_ row: Int, into output: UnsafeMutablePointer<Float>) {
        precondition((0..<rows).contains(row))
        if isTransposed {
            stored.widenColumn(row, into: output)
        } else {
            stored.widenRow(row, into: output)
        }
    }

    /// A copy of the matrix in f32, (rows, columns).
    package func widened(crew: WorkCrew) -> FloatBuffer {
        let values = FloatBuffer(count: rows * columns)
        crew.run(rows) { widenRow($0, into: values.floats + $0 * columns) }
        return values
    }
}
