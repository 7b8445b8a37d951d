/// How much the error in each column of a tensor's matrices counts when they are quantised.
struct TensorImportance: Sendable {
    /// (matrices, columns)
    private let values: [Float]
    private let columns: Int
    private let rowsPerMatrix: Int

    /// - Parameters:
    ///   - values: (matrices, columns)
    ///   - rowsPerMatrix: how many rows of the output each matrix has
    init(_ values: [Float], columns: Int, rowsPerMatrix: Int) {
        precondition(columns > 0 && rowsPerMatrix > 0 && values.count % columns == 0)
        self.values = values
        self.columns = columns
        self.rowsPerMatrix = rowsPerMatrix
    }

    /// Those of a row, counted over all matrices.
    func withColumns<Result, Problem: Error>(
        ofRow row: Int, _ body: (UnsafeBufferPointer<Float>) throws(Problem) -> Result
    ) throws(Problem) -> Result {
        let first = row / rowsPerMatrix * columns
        return try values.withUnsafeBufferPointer { values throws(Problem) in
            try body(UnsafeBufferPointer(rebasing: values[first..<(first + columns)]))
        }
    }

    /// The same, for rows that are counted from this one on.
    func dropping(rows: Int) -> TensorImportance {
        let first = rows / rowsPerMatrix * columns
        return TensorImportance(
            Array(values[first...]), columns: columns, rowsPerMatrix: rowsPerMatrix)
    }
}
