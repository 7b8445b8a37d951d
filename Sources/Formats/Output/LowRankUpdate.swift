/// One low-rank update of a weight: W + scale · B · A (LoRA, arXiv 2106.09685).
package struct LowRankUpdate: Sendable, Hashable {
    package let role: WeightRole
    package let rank: Int
    /// (rank, inputs)
    package let a: [Float]
    /// (outputs, rank)
    package let b: [Float]
    /// What brings the rows of B into the canonical order.
    package let rows: RowOrder
    /// What brings the columns of A into the canonical order.
    package let columns: RowOrder
    /// alpha / rank
    package let scale: Float

    package init(
        role: WeightRole, rank: Int, a: [Float], b: [Float], rows: RowOrder,
        columns: RowOrder = .same, scale: Float
    ) {
        self.role = role
        self.rank = rank
        self.a = a
        self.b = b
        self.rows = rows
        self.columns = columns
        self.scale = scale
    }

    /// How many inputs the weight has, that is, how long its rows are.
    package var inputs: Int { rank > 0 ? a.count / rank : 0 }

    /// How many outputs the weight has, that is, how many rows.
    package var outputs: Int { rank > 0 ? b.count / rank : 0 }

    /// Whether the update belongs to a weight of this shape (outputs, inputs).
    package func fits(_ shape: [Int]) -> Bool {
        guard rank > 0, shape.count == 2 else { return false }
        let sizes = shape.map { $0.multipliedReportingOverflow(by: rank) }
        return sizes.allSatisfy { !$0.overflow } && b.count == sizes[0].partialValue
            && a.count == sizes[1].partialValue
    }

    /// The same update, its rows and columns in the order of another layout.
    ///
    /// - Precondition: both are orders of one weight of one model.
    func ordered(as form: StorageForm) -> LowRankUpdate {
        let ofRows = rows.followed(by: form.rows.inverse)
        let ofColumns = columns.followed(by: form.columns.inverse)
        var a = a
        if ofColumns != .same {
            for step in 0..<rank {
                let row = self.a[(step * inputs)..<((step + 1) * inputs)]
                a.replaceSubrange(
                    (step * inputs)..<((step + 1) * inputs),
                    with: ofColumns.reordered(Array(row), columns: 1))
            }
        }
        return LowRankUpdate(
            role: role, rank: rank, a: a, b: ofRows.reordered(b, columns: rank), rows: form.rows,
            columns: form.columns, scale: scale)
    }

    /// The same update with another scale.
    func with(scale: Float) -> LowRankUpdate {
        LowRankUpdate(
            role: role, rank: rank, a: a, b: b, rows: rows, columns: columns, scale: scale)
    }

    /// The update of the transposed weight: (B · A)ᵀ = Aᵀ · Bᵀ. What were inputs have no order of rows.
    var transposed: LowRankUpdate {
        func transpose(_ values: [Float], rows: Int, columns: Int) -> [Float] {
            (0..<columns).flatMap { column in (0..<rows).map { values[$0 * columns + column] } }
        }
        return LowRankUpdate(
            role: role, rank: rank, a: transpose(b, rows: outputs, columns: rank),
            b: transpose(a, rows: rank, columns: inputs), rows: .same, scale: scale)
    }

    /// Writes a row of scale · B · A. Sums are taken in the order of the ranks, and scaled at their end.
    ///
    /// - Precondition: row < outputs; the buffer holds `inputs` values.
    func write(row: Int, to sums: UnsafeMutableBufferPointer<Float>) {
        precondition(sums.count == inputs && row < outputs)
        sums.update(repeating: 0)
        a.withUnsafeBufferPointer { a in
            for step in 0..<rank {
                let factor = b[row * rank + step]
                let first = step * sums.count
                for column in 0..<sums.count { sums[column] += factor * a[first + column] }
            }
        }
        for column in 0..<sums.count { sums[column] *= scale }
    }
}
