import Formats
import Transformer

/// How lengths within a weight are kept while directions are removed from it.
package enum KeptNorm: String, Sendable, Hashable, CaseIterable {
    /// W − λ u uᵀ W, and no more (arXiv 2406.11717).
    case none
    /// Each column, which is what one input writes, is brought back to its length; so is each row of an embedding.
    case columns
    /// The rows are brought to length 1, the directions are removed from them, and each is given its old length.
    case rows
    /// The same without the last step: each row's update has the row's length.
    case rowUpdates
}

/// One weight that writes to the stream, without directions.
struct AblatedWeight {
    let matrix: WeightMatrix
    private let written: WrittenDirections
    private let isEmbedding: Bool
    private let norm: KeptNorm
    /// What each column is multiplied by; nil where none is.
    private let columnFactors: [Float]?

    /// - Parameters:
    ///   - matrix: whose rows are dimensions of the stream, or whose columns are, where it is an embedding
    ///   - steps: what is removed, as it lies before the norm that follows
    init(
        _ matrix: WeightMatrix, _ steps: [InterventionPlan.Step], isEmbedding: Bool,
        keeping norm: KeptNorm
    ) {
        self.matrix = matrix
        self.isEmbedding = isEmbedding
        self.norm = norm
        let keepsRows = !isEmbedding && (norm == .rows || norm == .rowUpdates)
        written = WrittenDirections(
            matrix, steps, byColumns: isEmbedding, normalizesRows: keepsRows)
        columnFactors =
            !isEmbedding && norm == .columns ? Self.columnFactors(matrix, written) : nil
    }

    /// By how much columns became shorter; 1 for those of which nothing is left.
    private static func columnFactors(
        _ matrix: WeightMatrix, _ written: WrittenDirections
    ) -> [Float] {
        var before = [Double](repeating: 0, count: matrix.columns)
        var after = before
        for number in 0..<matrix.rows {
            var row = matrix.row(number)
            for (column, value) in row.enumerated() {
                before[column] += Double(value) * Double(value)
            }
            written.remove(from: &row, number: number)
            for (column, value) in row.enumerated() {
                after[column] += Double(value) * Double(value)
            }
        }
        return zip(before, after).map { factor($0, $1) }
    }

    /// What brings a length back to what it was; 1 where rounding alone is left of it.
    private static func factor(_ before: Double, _ after: Double) -> Float {
        after > before * 1e-10 ? Float((before / after).squareRoot()) : 1
    }

    private static func squares(_ row: [Float]) -> Double {
        row.reduce(0) { $0 + Double($1) * Double($1) }
    }

    /// One row of the new weight.
    ///
    /// - Precondition: 0 ≤ number < rows.
    func row(_ number: Int) -> [Float] {
        var row = matrix.row(number)
        let isScaled = isEmbedding ? norm == .columns : norm == .rows
        let before = isScaled ? Self.squares(row) : 0
        written.remove(from: &row, number: number)
        if let columnFactors {
            for column in row.indices { row[column] *= columnFactors[column] }
        }
        if isScaled {
            let factor = Self.factor(before, Self.squares(row))
            for column in row.indices { row[column] *= factor }
        }
        return row
    }

    /// The new weight as an edit.
    ///
    /// - Parameter form: how the weight lies in its file
    func edit(of role: WeightRole, laidOut form: StorageForm) -> CheckpointEdit {
        guard norm != .none else {
            return .add(written.update(of: role, laidOut: form.orderOnly), type: nil)
        }
        let rows = ComputedRows(
            shape: [matrix.rows, matrix.columns], form: form.orderOnly
        ) { range, target in
            var place = 0
            for number in range {
                for value in row(number) {
                    target[place] = value
                    place += 1
                }
            }
        }
        return .set(role, .computed(rows), type: nil)
    }
}

extension WeightMatrix {
    /// One row in f32.
    ///
    /// - Precondition: 0 ≤ number < rows.
    func row(_ number: Int) -> [Float] {
        var row = [Float](repeating: 0, count: columns)
        row.withUnsafeMutableBufferPointer { target in
            guard let start = target.baseAddress else { return }
            widenRow(number, into: start)
        }
        return row
    }
}
