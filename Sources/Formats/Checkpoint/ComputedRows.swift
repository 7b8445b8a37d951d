/// Rows of a weight that are made when they are asked for, a few at a time, so that the whole weight is never in memory
/// for the sake of writing it.
package struct ComputedRows: Sendable {
    /// Writes some rows, one after the other; of a vector each element is a row. It is called from any thread, for any
    /// rows and more than once, and gives the same values each time.
    package typealias Fill =
        @Sendable (Range<Int>, UnsafeMutableBufferPointer<Float>) throws(QuantizationError) -> Void

    /// Of the data, in C order.
    package let shape: [Int]
    /// How the data lays its weight out. Rows of a transpose are asked for once for each piece of the output.
    package let form: StorageForm
    private let fill: Fill

    package init(shape: [Int], form: StorageForm = .canonical, fill: @escaping Fill) {
        self.shape = shape
        self.form = form
        self.fill = fill
    }

    /// The number of values; 0 where it overflows.
    package var count: Int {
        TensorDescription(name: "", type: .f32, shape: shape).elementCount ?? 0
    }

    /// The length of the rows that are asked for.
    var columns: Int { shape.count > 1 ? max(shape.last ?? 1, 1) : 1 }

    /// Reads elements from one on, as many as there is room for; of rows that are not asked for whole, the part.
    func read(
        _ first: Int, into values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        guard !values.isEmpty else { return }
        let rows = (first / columns)..<((first + values.count - 1) / columns + 1)
        guard rows.count * columns != values.count else { return try fill(rows, values) }
        let whole = try [Float](filling: rows.count * columns) {
            target throws(QuantizationError) in
            try fill(rows, target)
        }
        let start = first - rows.lowerBound * columns
        for index in values.indices { values[index] = whole[start + index] }
    }
}
