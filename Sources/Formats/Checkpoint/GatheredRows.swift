/// Runs of rows of several matrices as one.
final class GatheredRows: PackedLayout {
    private let tensors: [WeightTensor]
    /// The tensor and the row that each row is.
    private let sources: [(tensor: Int, row: Int)]
    let columns: Int

    /// - Precondition: matrices with such rows, so long, of types that can be widened.
    init(
        _ tensors: [WeightTensor], _ runs: [(tensor: Int, rows: Range<Int>)], columns: Int
    ) {
        self.tensors = tensors
        self.columns = columns
        sources = runs.flatMap { run in run.rows.map { (run.tensor, $0) } }
        precondition(
            runs.allSatisfy {
                tensors[$0.tensor].shape == [tensors[$0.tensor].shape[0], columns]
                    && $0.rows.upperBound <= tensors[$0.tensor].shape[0]
            })
    }

    var rows: Int { sources.count }

    func widen(_ rows: Range<Int>, into values: UnsafeMutablePointer<Float>) {
        for (index, source) in sources[rows].enumerated() {
            let first = source.row * columns
            let target = UnsafeMutableBufferPointer(
                start: values + index * columns, count: columns)
            // The type can be widened, and a row is whole blocks.
            _ = try? tensors[source.tensor].widen(first..<first + columns, into: target)
        }
    }
}
