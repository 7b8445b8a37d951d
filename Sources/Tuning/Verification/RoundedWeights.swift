import Formats
import Transformer

/// A base's weights as an edited file stores them: the file's own tensors, each of which was found to be a rounding of
/// the base's, but for those that hold the edit, which are the base's.
///
/// What runs on them differs from the base by that rounding alone, and from the edited model by the edit alone.
final class RoundedWeights: WeightSource {
    private let checkpoint: Checkpoint
    private let target: Checkpoint
    private let base: CheckpointWeights
    private let edited: CheckpointWeights
    private let changed: Set<WeightRole>
    private let rounded: [WeightRole: ElementType]
    private let expected: ExpectedRows?

    /// - Parameters:
    ///   - changed: the roles to be taken from the base, absent ones included
    ///   - rounded: those of them that are rounded to a type first, in memory
    ///   - expected: what the edit makes of them, whose rounding they get; nil for their own
    init(
        base: Checkpoint, edited: Checkpoint, changed: Set<WeightRole>,
        rounded: [WeightRole: ElementType] = [:], expected: ExpectedRows? = nil
    ) {
        checkpoint = base
        target = edited
        self.base = CheckpointWeights(base)
        self.edited = CheckpointWeights(edited)
        self.changed = changed
        self.rounded = rounded
        self.expected = expected
    }

    var path: String { edited.path }

    private func source(of role: WeightRole) -> CheckpointWeights {
        changed.contains(role) || changed.contains(role.ofAllExperts) ? base : edited
    }

    /// The type that a weight is rounded to first; one expert's is that of the tensor of all.
    private func type(of role: WeightRole) -> ElementType? {
        rounded[role] ?? rounded[role.ofAllExperts]
    }

    func name(of role: WeightRole) -> String { source(of: role).name(of: role) }

    func matrix(_ role: WeightRole) throws -> WeightMatrix? {
        guard let matrix = try source(of: role).matrix(role) else { return nil }
        guard let type = type(of: role), matrix.columns % type.elementsPerBlock == 0 else {
            return matrix
        }
        var values: [Float] = []
        values.reserveCapacity(matrix.rows * matrix.columns)
        var row = [Float](repeating: 0, count: matrix.columns)
        let change = expected?.change(of: role, matrix, checkpoint.tensor(role))
        let scale = target.tensor(role)?.form.factor ?? 1
        for index in 0..<matrix.rows {
            row.withUnsafeMutableBufferPointer { buffer in
                if let start = buffer.baseAddress { matrix.widenRow(index, into: start) }
            }
            values +=
                change?.rounded(row, row: index, as: type, scale: scale)
                ?? ExpectedRows.rounded(row, as: type, scale: scale)
        }
        return WeightMatrix(
            rows: matrix.rows, columns: matrix.columns, buffer: FloatBuffer(values))
    }

    func vector(_ role: WeightRole) throws -> FloatBuffer? {
        guard let vector = try source(of: role).vector(role), let type = rounded[role],
            let change = expected?.change(ofVector: role)
        else { return try source(of: role).vector(role) }
        let values = (0..<vector.count).map { vector.floats[$0] }
        return FloatBuffer(change.rounded(values, row: 0, as: type, scale: 1))
    }
}
