/// Whether one of two tensors is nothing but the other in another type, row by row: the one rule of what storing values
/// in a type may change.
///
/// ```swift
/// if let check = try ReencodingCheck(pair), !check.outside.isEmpty {
///     print("\(check.outsideValues) values in rows \(check.outside.first)")
/// }
/// ```
///
/// All values are looked at. Encoders are those of `RowEncoder`, which are the reference quantisers to the bit: where
/// most rows are exactly what encoding the other side's gives, a row that is not must at least be as good a rounding.
/// Else another quantiser was at work (importance weights), or both files come from a third, and a value may be a unit
/// further away. In either case a group's error may be no larger than a rounding's.
package struct ReencodingCheck: Sendable {
    /// The tensor whose values were encoded.
    package enum Source: Sendable, Hashable {
        case a
        case b
    }

    /// Rows of a matrix, or values of a vector.
    package struct Places: Sendable, Hashable {
        package private(set) var count = 0
        /// The first of them, counted as the first checkpoint counts.
        package private(set) var first: [Int] = []

        /// How many are kept by number.
        package static let listed = 64

        package var isEmpty: Bool { count == 0 }

        mutating func add(_ place: Int) {
            count += 1
            if first.count < Self.listed { first.append(place) }
        }
    }

    /// The value that is furthest outside.
    package struct Worst: Sendable, Hashable {
        package let row: Int
        package let column: Int
        package let a: Float
        package let b: Float
        /// How far the type's neighbouring values are apart there.
        package let step: Float
    }

    /// The types whose values both sides hold.
    package let grids: StoredGrids
    /// Which side was encoded.
    package let source: Source
    /// The type it was encoded in: that of the other side, or the narrower one whose values are all that one holds.
    package let type: ElementType
    /// Whether places are values of a vector, not rows of a matrix.
    package let isVector: Bool
    /// How many rows, or values of a vector, there are.
    package let count: Int
    /// Whether most of them are exactly what the encoder gives.
    package let isReference: Bool
    /// How many are exactly that.
    package private(set) var exactCount = 0
    /// Those that are not, and yet within what the type rounds off.
    package private(set) var rounded = Places()
    /// Those with values outside that.
    package private(set) var outside = Places()
    /// How many values those are.
    package private(set) var outsideValues = 0
    package private(set) var worst: Worst?
    /// ‖B − A‖² of the rows outside, as far as it is finite.
    package private(set) var outsideEnergy = 0.0

    /// Whether every value is what the encoder gives.
    package var isExact: Bool { exactCount == count }

    /// Whether all values lie within what the type rounds off.
    package var isReencoding: Bool { outside.isEmpty }

    /// Reads a pair of tensors once or twice, on the calling thread.
    ///
    /// - Parameter wanted: the side that was encoded; nil for the one that fits better
    /// - Returns: nil where neither side's type can be judged, or both are one plain type, which rounds nothing off.
    /// - Throws: `CheckpointError` where values cannot be read.
    package init?(_ pair: TensorPair, from wanted: Source? = nil) throws(CheckpointError) {
        guard let rule = try ReencodingRule(pair, from: wanted) else { return nil }
        grids = rule.grids
        source = rule.isFromA ? .a : .b
        type = rule.type
        isVector = rule.unit == 1
        count = pair.elementCount / rule.unit
        isReference = rule.isReference
        let rowsPerTile = max(1, Self.tileSize / pair.columns)
        for first in stride(from: 0, to: pair.rows, by: rowsPerTile) {
            let rows = first..<min(first + rowsPerTile, pair.rows)
            for row in try rule.read(rows) { judge(row, rule, columns: pair.columns) }
            pair.releasePages(rows: rows)
        }
    }

    /// Values read at a time.
    private static let tileSize = 1 << 14

    private mutating func judge(_ row: ReencodedRow, _ rule: ReencodingRule, columns: Int) {
        let values = row.isExact ? [] : row.outside(rule.tolerance)
        var places = Set<Int>()
        for index in values {
            let distance = abs(row.encoded[index] - row.source[index])
            if !(distance <= (worst.map { abs($0.a - $0.b) } ?? -1)) {
                let values = [row.source[index], row.encoded[index]].map(rule.change.value)
                let (a, b) = (values[rule.isFromA ? 0 : 1], values[rule.isFromA ? 1 : 0])
                worst = Worst(
                    row: row.number, column: index, a: a, b: b, step: row.steps[index])
            }
            places.insert((row.number * columns + index) / rule.unit)
        }
        outsideValues += values.count
        for unit in 0..<(columns / rule.unit) {
            let place = row.number * (columns / rule.unit) + unit
            if places.contains(place) {
                outside.add(place)
                for index in (unit * rule.unit)..<((unit + 1) * rule.unit) {
                    let change = Double(row.encoded[index]) - Double(row.source[index])
                    if change.isFinite { outsideEnergy += change * change }
                }
            } else if row.isExact
                || row.isExact(in: (unit * rule.unit)..<((unit + 1) * rule.unit))
            {
                exactCount += 1
            } else {
                rounded.add(place)
            }
        }
    }
}
