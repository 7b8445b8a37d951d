/// A low-rank update of which only the direction counts, row by row: m · V / ‖V‖ with V = W + scale · B · A (DoRA, arXiv
/// 2402.09353).
struct DecomposedRows: RowChange {
    /// Rows in the canonical order.
    let update: LowRankUpdate
    /// The length that each row gets.
    let magnitudes: [Float]

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        update.add(row: row, to: values)
        let squares = values.reduce(0.0) { $0 + Double($1) * Double($1) }
        let factor = magnitudes[row] / Float(squares.squareRoot())
        for column in values.indices { values[column] *= factor }
    }
}

/// The same for an embedding, whose columns have the lengths.
struct DecomposedColumns: RowChange {
    private let update: LowRankUpdate
    private let factors: [Float]

    /// Goes through all rows once for their columns' lengths.
    ///
    /// - Throws: `QuantizationError` where the base's type cannot be widened.
    init(
        _ update: LowRankUpdate, magnitudes: [Float], base: BaseRows
    ) throws(QuantizationError) {
        self.update = update
        var squares = [Double](repeating: 0, count: base.columns)
        for row in 0..<(base.shape.first ?? 0) {
            let values = try [Float](filling: base.columns) { values throws(QuantizationError) in
                try base.read(row..<(row + 1), into: values)
                update.add(row: row, to: values)
            }
            for column in squares.indices {
                squares[column] += Double(values[column]) * Double(values[column])
            }
        }
        factors = zip(magnitudes, squares).map { $0 / Float($1.squareRoot()) }
    }

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        update.add(row: row, to: values)
        for column in values.indices { values[column] *= factors[column] }
    }
}

extension LowRankUpdate {
    /// Adds a row of scale · B · A to a row.
    fileprivate func add(row: Int, to values: UnsafeMutableBufferPointer<Float>) {
        var sums = [Float](repeating: 0, count: values.count)
        sums.withUnsafeMutableBufferPointer { write(row: row, to: $0) }
        for column in values.indices { values[column] += sums[column] }
    }
}
