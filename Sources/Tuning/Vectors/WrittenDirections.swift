import Formats
import Transformer

/// What a weight writes to the stream along the directions that steps remove, one after the other, and how much of it
/// each takes away.
struct WrittenDirections {
    /// (directions, width), each multiplied by its strength
    private var removed: [[Float]] = []
    /// (directions, inputs), or (directions, rows) of an embedding: what the step that removes it meets of each
    private var written: [[Float]]
    private let isByColumns: Bool

    /// - Parameters:
    ///   - weight: whose rows are dimensions of the stream
    ///   - byColumns: whether its columns are, as those of an embedding
    init(_ weight: WeightMatrix, _ steps: [InterventionPlan.Step], byColumns: Bool) {
        isByColumns = byColumns
        var directions: [(unit: [Float], strength: Float)] = []
        for case .ablate(let span, let strength) in steps {
            directions += span.directions.map { ($0, strength) }
        }
        written = Self.products(weight, directions.map(\.unit), byColumns: byColumns)
        for (index, direction) in directions.enumerated() {
            // What the ones before took away.
            for earlier in 0..<index {
                let share = Float(direction.unit.dot(removed[earlier]))
                guard share != 0 else { continue }
                for place in written[index].indices {
                    written[index][place] -= share * written[earlier][place]
                }
            }
            removed.append(direction.unit.map { direction.strength * $0 })
        }
    }

    /// vᵀ W of each direction, or E v; the matrix is widened row by row.
    private static func products(
        _ weight: WeightMatrix, _ directions: [[Float]], byColumns: Bool
    ) -> [[Float]] {
        var products = directions.map { _ in
            [Float](repeating: 0, count: byColumns ? weight.rows : weight.columns)
        }
        let row = FloatBuffer(count: weight.columns)
        for number in 0..<weight.rows {
            weight.widenRow(number, into: row.floats)
            for (index, direction) in directions.enumerated() {
                if byColumns {
                    products[index][number] = dotForward(
                        row.floats, direction, count: weight.columns)
                } else {
                    products[index].withUnsafeMutableBufferPointer { sums in
                        guard let start = sums.baseAddress else { return }
                        addScaledForward(
                            start, direction[number], row.floats, count: weight.columns)
                    }
                }
            }
        }
        return products
    }

    /// Takes it from one row of the weight.
    func remove(from row: inout [Float], number: Int) {
        let (rows, columns) = isByColumns ? (written, removed) : (removed, written)
        for (share, direction) in zip(rows, columns) where direction.count == row.count {
            for index in row.indices { row[index] -= share[number] * direction[index] }
        }
    }

    /// The update that takes it away.
    func update(of role: WeightRole) -> LowRankUpdate {
        let (outputs, inputs) = isByColumns ? (written, removed) : (removed, written)
        let rows = outputs.first?.count ?? 0
        var b: [Float] = []
        b.reserveCapacity(rows * outputs.count)
        for row in 0..<rows {
            for direction in outputs { b.append(direction[row]) }
        }
        return LowRankUpdate(
            role: role, rank: outputs.count, a: inputs.flatMap(\.self), b: b, rows: .same,
            scale: -1)
    }
}
