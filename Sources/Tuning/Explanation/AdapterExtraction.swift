package import Formats
import Transformer

/// The low-rank adapter that comes nearest to what changed between two checkpoints: of each changed matrix the update of
/// a given rank with the least error (Eckart and Young 1936).
package struct AdapterExtraction: Sendable {
    /// How much of a matrix's change the adapter does not hold.
    package struct Remainder: Sendable {
        package let name: String
        /// ‖change − update‖ / ‖change‖
        package let error: Double
    }

    /// For the first checkpoint, in the order of its tensors.
    package let adapter: Adapter
    package let remainders: [Remainder]
    /// Changed tensors that an adapter cannot update: vectors, embeddings, those of one model only.
    package let leftOut: [String]

    /// A comparison without a changed matrix that an adapter can update.
    package enum Problem: Failure, Equatable {
        case nothingToExtract(a: String, b: String)

        package var kind: FailureKind { .unsupported }

        package var remedy: String? { "'rtedit delta create' holds every difference of the files" }

        package var description: String {
            switch self {
            case .nothingToExtract(let a, let b):
                "\(b): no matrix changed since \(a) that an adapter could update"
            }
        }
    }

    /// - Parameters:
    ///   - rank: of every update; one that has fewer directions is filled up with zeros.
    ///   - advance: called from any thread whenever another matrix is done.
    /// - Throws: `Problem`, or `CheckpointError` where values cannot be read.
    package init(
        _ comparison: CheckpointComparison, rank: Int, crew: WorkCrew,
        advance: @escaping @Sendable () -> Void = {}
    ) throws {
        let changed = comparison.tensors.filter { $0.isDifference }
        let matrices = changed.filter(Self.canUpdate)
        guard !matrices.isEmpty else {
            throw Problem.nothingToExtract(a: comparison.a.path, b: comparison.b.path)
        }
        let updates = try crew.map(matrices.count) { index in
            defer { advance() }
            return try Self.update(matrices[index], rank: rank)
        }
        adapter = Adapter(updates: updates.map(\.update), rank: rank, alpha: Float(rank))
        remainders = updates.map(\.remainder)
        leftOut = changed.filter { !Self.canUpdate($0) }.map(\.name)
    }

    private static func canUpdate(_ tensor: TensorDifference) -> Bool {
        guard tensor.status == .changed, let role = tensor.role, role.part == .weight,
            let pair = tensor.pair, pair.isMatrix
        else { return false }
        return role.slot != .tokenEmbedding && role.slot != .positionEmbedding
    }

    private static func update(
        _ tensor: TensorDifference, rank: Int
    ) throws -> (update: LowRankUpdate, remainder: Remainder) {
        guard let pair = tensor.pair, let role = pair.role else {
            throw Problem.nothingToExtract(a: tensor.name, b: tensor.name)
        }
        var change = ChangeRows(pair)
        let found = try RandomizedSVD(&change, count: rank)
        var a = [Float](repeating: 0, count: rank * pair.columns)
        var b = [Float](repeating: 0, count: pair.rows * rank)
        // Both halves get the root of the singular value, so that neither is large beside the other.
        for (step, value) in found.values.enumerated() {
            let root = Float(value.squareRoot())
            for column in 0..<pair.columns {
                a[step * pair.columns + column] =
                    root * found.right.values[column * found.right.columns + step]
            }
            for row in 0..<pair.rows {
                b[row * rank + step] = root * found.left.values[row * found.left.columns + step]
            }
        }
        let error = found.energy > 0 ? (found.residualEnergy / found.energy).squareRoot() : 0
        return (
            LowRankUpdate(
                role: role, rank: rank, a: a, b: b, rows: pair.order.rows,
                columns: pair.order.columns, scale: 1),
            Remainder(name: tensor.name, error: error)
        )
    }
}
