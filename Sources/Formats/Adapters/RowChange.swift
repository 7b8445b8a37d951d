/// What an adapter makes of the rows of one weight, where that is no low-rank update of them.
///
/// Rows are those of the weight that the model computes with: one for each output, in Hugging Face's order. Of a vector
/// each element is a row.
protocol RowChange: Sendable {
    /// Makes a row of the base that of the adapted model.
    ///
    /// - Throws: `QuantizationError` where a tensor that the row is read from cannot be widened.
    func change(
        row: Int, _ values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError)
}

/// The rows of a weight of the base as the model computes with them, whatever the file's layout and type.
struct BaseRows: Sendable {
    let shape: [Int]
    private let source: WeightRows

    init(_ tensor: WeightTensor) {
        source = WeightRows(tensor, tensor.form)
        shape = tensor.canonicalShape
    }

    /// The length of a row.
    var columns: Int { shape.count > 1 ? max(shape.last ?? 1, 1) : 1 }

    /// Reads rows, one after the other.
    ///
    /// - Throws: `QuantizationError` where the type cannot be widened.
    func read(
        _ rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        try source.readRows(rows, columns: columns, into: values)
    }
}

/// A weight that an adapter changes in another way than by a low-rank update.
package struct AdaptedWeight: Sendable {
    package let role: WeightRole
    /// That of the canonical weight.
    let shape: [Int]
    /// The rows that are changed; nil where the base has no such tensor, which then begins as zeros.
    let base: BaseRows?
    /// One on top of the other.
    var changes: [any RowChange]

    /// The rows of the adapted model, made when they are written.
    ///
    /// - Parameter strength: how far they go from the base's rows, at 0, to the adapted model's, at 1.
    func rows(strength: Float) -> ComputedRows {
        ComputedRows(shape: shape) { [self] rows, values throws(QuantizationError) in
            if let base {
                try base.read(rows, into: values)
            } else {
                values.update(repeating: 0)
            }
            let columns = rows.isEmpty ? 0 : values.count / rows.count
            for (index, row) in rows.enumerated() {
                let first = index * columns
                try change(
                    row: row, strength,
                    UnsafeMutableBufferPointer(rebasing: values[first..<(first + columns)]))
            }
        }
    }

    private func change(
        row: Int, _ strength: Float, _ values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        let former = strength == 1 ? [] : Array(values)
        for change in changes { try change.change(row: row, values) }
        for (column, value) in former.enumerated() {
            values[column] = value + strength * (values[column] - value)
        }
    }

    /// The edit that writes the weight. Vectors, and what runtimes want in f32, keep their type.
    func edit(strength: Float, type: ElementType?) -> CheckpointEdit {
        let takesType = role.part == .weight && role.slot.isMatrix && !role.slot.isAlwaysF32
        return .set(role, .computed(rows(strength: strength)), type: takesType ? type : nil)
    }
}
