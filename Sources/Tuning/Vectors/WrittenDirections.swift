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
    /// The length of each row that was brought to 1; empty where none was.
    private var lengths: [Float] = []

    /// - Parameters:
    ///   - weight: whose rows are dimensions of the stream
    ///   - byColumns: whether its columns are, as those of an embedding
    ///   - normalizesRows: whether what is taken away is worked out for rows of length 1, and is then as much more as a row
    ///     is longer
    init(
        _ weight: WeightMatrix, _ steps: [InterventionPlan.Step], byColumns: Bool,
        normalizesRows: Bool = false
    ) {
        isByColumns = byColumns
        var directions: [(unit: [Float], strength: Float)] = []
        for case .ablate(let span, let strength) in steps {
            directions += span.directions.map { ($0, strength) }
        }
        var read = directions.map(\.unit)
        if normalizesRows {
            let lengths = (0..<weight.rows).map { Float(weight.row($0).norm) }
            read = read.map { zip($0, lengths).map { $1 > 0 ? $0 / $1 : 0 } }
            self.lengths = lengths
        }
        written = Self.products(
            read, rows: weight.rows, columns: weight.columns, byColumns: byColumns,
            row: weight.row)
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

    /// vᵀ W of each direction, or E v, from a weight's rows, each of which is asked for once.
    static func products(
        _ directions: [[Float]], rows: Int, columns: Int, byColumns: Bool, row: (Int) -> [Float]
    ) -> [[Float]] {
        var products = directions.map { _ in
            [Float](repeating: 0, count: byColumns ? rows : columns)
        }
        for number in 0..<rows {
            let row = row(number)
            for (index, direction) in directions.enumerated() {
                if byColumns {
                    products[index][number] = dotForward(row, direction, count: columns)
                } else {
                    products[index].withUnsafeMutableBufferPointer { sums in
                        guard let start = sums.baseAddress else { return }
                        addScaledForward(start, direction[number], row, count: columns)
                    }
                }
            }
        }
        return products
    }

    /// Takes it from one row of the weight.
    func remove(from row: inout [Float], number: Int) {
        let (rows, columns) = isByColumns ? (written, removed) : (removed, written)
        let length = lengths.isEmpty ? 1 : lengths[number]
        for (share, direction) in zip(rows, columns) where direction.count == row.count {
            let factor = length * share[number]
            for index in row.indices { row[index] -= factor * direction[index] }
        }
    }

    /// The update that takes it away, from rows as they are.
    ///
    /// - Parameter form: how the weight that was looked at is laid out
    func update(of role: WeightRole, laidOut form: StorageForm) -> LowRankUpdate {
        let (outputs, inputs) = isByColumns ? (written, removed) : (removed, written)
        let rows = outputs.first?.count ?? 0
        var b: [Float] = []
        b.reserveCapacity(rows * outputs.count)
        for row in 0..<rows {
            for direction in outputs { b.append(direction[row]) }
        }
        return LowRankUpdate(
            role: role, rank: outputs.count, a: inputs.flatMap(\.self), b: b, rows: form.rows,
            columns: form.columns, scale: -1)
    }
}
