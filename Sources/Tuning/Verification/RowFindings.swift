import Formats

/// What the rows of a tensor that differs between two checkpoints are.
struct RowFindings {
    /// Rows, or values of a vector, that are neither the base's, nor their rounding, nor what interventions make of them:
    /// the first of them, how many there are, and how many were looked at.
    private(set) var outside: (first: [Int], count: Int, all: Int) = ([], 0, 0)
    /// Whether every row that differs is what the type's encoder makes of the base's.
    private(set) var isExact = false
    /// Whether the tensor is what interventions make of the base's.
    private(set) var isExpected = false
    /// Whether there are rows that others can be held against, and whether those are further away than twice what the
    /// base's own are.
    private(set) var hasOthers = false
    private(set) var isToldFromOthers = false

    /// Values that are read at a time.
    private static let valuesPerTile = 1 << 16
    /// Rows that are named.
    private static let namedRows = 64
    /// Rows that are held against others.
    private static let heldRows = 32

    /// - Returns: nil where the tensors cannot be compared row by row.
    /// - Throws: `CheckpointError` where values cannot be read.
    init?(_ tensor: TensorDifference, expected: ExpectedRows) throws {
        guard tensor.status == .changed, let pair = tensor.pair, let a = pair.a.tensor,
            let b = pair.b.tensor
        else { return nil }
        if a.type != b.type, let check = try ReencodingCheck(pair, from: .a) {
            outside = (check.outside.first, check.outside.count, check.count)
            isExact = check.isExact
        } else {
            // A norm that is stored without its one comes back with what f32 left of it.
            let slack: Float = pair.a.change.shift == pair.b.change.shift ? 0 : 0x1p-22
            outside = try Self.outside(pair) { _, values, stored in
                zip(values, stored).allSatisfy {
                    abs($0 - $1) <= slack * max(abs($0), 1) || ($0.isNaN && $1.isNaN)
                }
            }
        }
        guard outside.count > 0 else {
            try compareWithOthers(pair)
            return
        }
        for candidate in try expected.candidates(for: tensor.role, of: pair.a) {
            let found = try Self.outside(pair) { row, values, stored in
                candidate.gives(
                    stored, of: values, row: row, as: b.type, scale: pair.b.change.factor)
            }
            if found.count < outside.count {
                outside = found
                isExpected = found.count == 0
            }
            if isExpected { break }
        }
    }

    /// The rows that are not as they should be.
    private static func outside(
        _ pair: TensorPair, _ isRight: (Int, ArraySlice<Float>, ArraySlice<Float>) -> Bool
    ) throws -> (first: [Int], count: Int, all: Int) {
        let columns = pair.columns
        var found: (first: [Int], count: Int) = ([], 0)
        for first in stride(from: 0, to: pair.rows, by: max(1, valuesPerTile / columns)) {
            let rows = first..<min(first + max(1, valuesPerTile / columns), pair.rows)
            var a = [Float](repeating: 0, count: rows.count * columns)
            var b = a
            try pair.read(rows: rows, a: &a, b: &b)
            pair.releasePages(rows: rows)
            for row in rows {
                let range = ((row - first) * columns)..<((row - first + 1) * columns)
                if isRight(row, a[range], b[range]) { continue }
                found.count += 1
                if found.first.count < namedRows { found.first.append(row) }
            }
        }
        return (found.first, found.count, pair.rows)
    }

    /// Holds some rows against the base's rows before them: the negative control.
    private mutating func compareWithOthers(_ pair: TensorPair) throws {
        let columns = pair.columns
        var (others, told) = (0, 0)
        var a = [Float](repeating: 0, count: 2 * columns)
        var b = a
        for row in stride(from: 1, to: pair.rows, by: max(1, pair.rows / Self.heldRows)) {
            try pair.read(rows: (row - 1)..<(row + 1), a: &a, b: &b)
            var (own, other, between) = (0.0, 0.0, 0.0)
            for column in 0..<columns {
                let (above, value) = (Double(a[column]), Double(a[columns + column]))
                let stored = Double(b[columns + column])
                own += (stored - value) * (stored - value)
                other += (stored - above) * (stored - above)
                between += (value - above) * (value - above)
            }
            guard between > 0 else { continue }
            others += 1
            if other > 4 * own { told += 1 }
        }
        hasOthers = others > 0
        isToldFromOthers = others > 0 && 2 * told > others
    }
}
