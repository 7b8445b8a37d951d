/// What a tensor has beyond one of fewer rows or columns: heads that were appended to attention, neurons to a feed-forward
/// part, tokens to an embedding.
package struct TensorGrowth: Sendable {
    /// How many rows, and columns, were added. The elements of a vector are its rows.
    package let rows: Int
    package let columns: Int
    /// Whether the part that both have holds equal values.
    package let keepsFirst: Bool
    /// The larger tensor's values.
    private let grown: WeightRows

    /// Values that are read at a time.
    private static let valuesPerTile = 1 << 16

    /// Compares what both have, streaming.
    ///
    /// - Parameter isEqual: whether it is known to be equal; nil to read it.
    /// - Returns: nil where the second tensor is not the larger one, or a type cannot be widened.
    /// - Throws: `CheckpointError` where values cannot be read.
    init?(_ a: WeightRows, _ b: WeightRows, isEqual: Bool?) throws(CheckpointError) {
        let (first, second) = (Self.matrix(a), Self.matrix(b))
        guard a.shape.count == b.shape.count, a.shape != b.shape, let first, let second,
            first.rows <= second.rows, first.columns <= second.columns, a.isReadable, b.isReadable
        else { return nil }
        rows = second.rows - first.rows
        columns = second.columns - first.columns
        grown = b
        if let isEqual {
            keepsFirst = isEqual
        } else {
            keepsFirst = try Self.holds(
                a, first.rows, first.columns, in: b, columns: second.columns)
        }
    }

    /// The rows and columns of a vector or a matrix.
    private static func matrix(_ rows: WeightRows) -> (rows: Int, columns: Int)? {
        switch rows.shape.count {
        case 1: (rows.shape[0], 1)
        case 2: (rows.shape[0], rows.shape[1])
        default: nil
        }
    }

    private static func holds(
        _ a: WeightRows, _ rows: Int, _ columns: Int, in b: WeightRows, columns width: Int
    ) throws(CheckpointError) -> Bool {
        let step = max(1, valuesPerTile / max(width, 1))
        var isEqual = true
        for first in stride(from: 0, to: rows, by: step) where isEqual {
            let tile = first..<min(first + step, rows)
            let (left, right) = (
                try read(a, tile, columns: columns), try read(b, tile, columns: width)
            )
            isEqual = (0..<tile.count).allSatisfy { row in
                (0..<columns).allSatisfy { column in
                    let (x, y) = (left[row * columns + column], right[row * width + column])
                    return x == y || x.isNaN && y.isNaN
                }
            }
            a.releasePages(rows: tile, columns: columns)
            b.releasePages(rows: tile, columns: width)
        }
        return isEqual
    }

    private static func read(
        _ source: WeightRows, _ rows: Range<Int>, columns: Int
    ) throws(CheckpointError) -> [Float] {
        try [Float](filling: rows.count * columns) { target throws(CheckpointError) in
            try source.read(
                (rows.lowerBound * columns)..<(rows.upperBound * columns), columns: columns,
                into: target)
        }
    }

    /// The elements of a vector that were added.
    ///
    /// - Throws: `CheckpointError` where values cannot be read.
    package func addedElements() throws(CheckpointError) -> [Float] {
        guard grown.shape.count == 1, let count = grown.shape.first else { return [] }
        return Array(try Self.read(grown, 0..<count, columns: 1).suffix(rows))
    }

    /// The columns that were added, a list for each row of the grown tensor in turn, whose pages are given back.
    ///
    /// - Throws: `CheckpointError` where values cannot be read.
    package func eachAddedColumns(
        _ body: (ArraySlice<Float>) -> Void
    ) throws(CheckpointError) {
        guard let shape = Self.matrix(grown), shape.columns > 0 else { return }
        let step = max(1, Self.valuesPerTile / shape.columns)
        for first in stride(from: 0, to: shape.rows, by: step) {
            let tile = first..<min(first + step, shape.rows)
            let values = try Self.read(grown, tile, columns: shape.columns)
            for row in 0..<tile.count {
                let end = (row + 1) * shape.columns
                body(values[(end - columns)..<end])
            }
            grown.releasePages(rows: tile, columns: shape.columns)
        }
    }
}

extension TensorGrowth: CustomStringConvertible {
    /// The growth in a few words: "64 columns more".
    package var description: String {
        let parts = [(rows, "row"), (columns, "column")].filter { $0.0 > 0 }.map { count, noun in
            "\(count) \(noun)\(count == 1 ? "" : "s")"
        }
        return "\(parts.joined(separator: " and ")) more"
    }
}
