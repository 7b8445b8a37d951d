/// The types whose values two tensors hold: a wide type with nothing but values of a narrower one counts as that.
package struct StoredGrids: Sendable, Hashable {
    package let a: ElementType
    package let b: ElementType

    /// How many rows are looked at.
    private static let sampleRows = 64
    /// The share of a row's values that must be of a type; single ones may have been changed since.
    private static let heldShare = 0.9

    /// Looks at evenly spaced rows, of which more than half must agree: single ones may have been changed since.
    ///
    /// - Throws: `CheckpointError` where values cannot be read.
    package init(_ pair: TensorPair) throws(CheckpointError) {
        var tallies = [pair.a, pair.b].map(Tally.init)
        let count = min(pair.rows, Self.sampleRows)
        var a = [Float](repeating: 0, count: pair.columns)
        var b = a
        for row in (0..<count).map({ $0 * pair.rows / count }) {
            try pair.read(rows: row..<(row + 1), a: &a, b: &b)
            tallies[0].look(at: a)
            tallies[1].look(at: b)
        }
        self.a = tallies[0].narrowest(of: count)
        self.b = tallies[1].narrowest(of: count)
    }

    /// How many rows each narrower type holds.
    private struct Tally {
        private let type: ElementType
        private let change: StorageForm
        private var held: [(type: ElementType, rows: Int)]

        init(_ tensor: WeightRows) {
            type = tensor.tensor?.type ?? .f32
            change = tensor.change
            let narrower: [ElementType] =
                switch type {
                case .f64: [.bf16, .f16, .f32]
                case .f32: [.bf16, .f16]
                case .f16: [.bf16]
                default: []
                }
            held = narrower.map { ($0, 0) }
        }

        mutating func look(at row: [Float]) {
            for index in held.indices {
                guard let grid = PlainGrid(held[index].type) else { continue }
                let count = row.count {
                    let value = change.stored($0)
                    return grid.rounded(value) == value
                }
                if Double(count) >= StoredGrids.heldShare * Double(row.count) {
                    held[index].rows += 1
                }
            }
        }

        func narrowest(of rows: Int) -> ElementType {
            held.first { 2 * $0.rows > rows }?.type ?? type
        }
    }
}
