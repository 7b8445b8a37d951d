import Formats

/// How far two tensors are apart for no other reason than the types they are stored in.
///
/// It is measured, not looked up: values are encoded with the program's own encoders, which are the reference
/// quantisers, and read back. Three ways lead from one type to another: B was made from A, A was made from B, or both
/// from a third file; each has a level of its own. An edit of A that is stored in B's type has one too: for it, values
/// between A's and B's, which lie off the type's grid, are taken through the type. Where both have one type it is the
/// only level.
struct StorageNoise {
    /// What one way rounds off.
    struct Level {
        /// The root mean square of the rounding.
        let rootMeanSquare: Double
        /// No singular value of such rounding is larger, but for chance: the norm of the longest row plus that of the
        /// longest column, which bounds the spectral norm of a matrix of independent entries (Bandeira and van Handel
        /// 2016).
        let largestSingularValue: Double
        /// The observed change in units of the rounding.
        let ratio: Double
    }

    /// The types of both sides; a wide type that holds nothing but values of a narrower one counts as that.
    let grids: StoredGrids
    /// One of the ways: that with the least rounding first.
    let levels: [Level]
    /// What storing an edited A in B's type rounds off.
    let editLevel: Level
    /// Whether the files themselves have two types, so that both may come from a third.
    let isRetyped: Bool

    /// The level that explains the change with nothing beside it, or nil. Other quantisers than ours weigh errors by
    /// importance, which makes their root mean square larger.
    var explanation: Level? { levels.first { (0.6...Self.margin).contains($0.ratio) } }

    /// What may lie beside an edit: where both files have one type, B was made from A.
    var levelsBesideEdit: [Level] { [editLevel] + (isRetyped ? levels : []) }

    /// The observed change in units of the coarsest way's rounding.
    var ratio: Double { levels.last?.ratio ?? .infinity }

    /// What counts as rounding, in units of its own.
    static let margin = 1.4
    /// How many values of a tensor are encoded at most, in whole rows.
    private static let sampleSize = 1 << 17
    /// Where between A and B values are taken that lie off the type's grid: the golden section is far from all simple
    /// fractions.
    private static let section: Float = 0.618_034

    /// How many of the longest rows are looked at besides: rounding grows with the values, and a single row of large ones
    /// has a direction of its own.
    private static let extremeRows = 8

    /// Measures evenly spaced rows; nil where a type cannot be written, so that its rounding is unknown.
    ///
    /// - Throws: `CheckpointError` where values cannot be read.
    static func measure(_ pair: TensorPair) throws -> StorageNoise? {
        guard let typeA = pair.a.tensor?.type, let typeB = pair.b.tensor?.type,
            [typeA, typeB].allSatisfy(RowEncoder.isSupported), pair.elementCount > 0
        else { return nil }
        let sampled = min(pair.rows, max(1, sampleSize / pair.columns))
        let rows = (0..<sampled).map { $0 * pair.rows / sampled }
        var a = [Float](repeating: 0, count: pair.columns)
        var b = a
        let types = try StoredGrids(pair)
        guard [types.a, types.b].allSatisfy({ pair.columns % $0.elementsPerBlock == 0 }) else {
            return nil
        }
        var sums = NoiseSums(columns: pair.columns, types: types)
        var extremes = NoiseSums(columns: pair.columns, types: types)
        for row in rows {
            try pair.read(rows: row..<(row + 1), a: &a, b: &b)
            sums.add(a, b)
        }
        for row in try longestRows(of: pair) {
            try pair.read(rows: row..<(row + 1), a: &a, b: &b)
            extremes.add(a, b)
        }
        pair.releasePages(rows: 0..<pair.rows)
        guard sums.count > 0 else { return nil }
        let rowsPerSample = Double(pair.rows) / Double(sampled)
        func level(_ way: NoiseSums.Way, _ extreme: NoiseSums.Way) -> Level {
            let root = (way.squares / Double(sums.count)).squareRoot()
            let observed = (sums.change / Double(sums.count)).squareRoot()
            return Level(
                rootMeanSquare: root,
                largestSingularValue: max(way.longestRow, extreme.longestRow).squareRoot()
                    + ((way.columns.max() ?? 0) * rowsPerSample).squareRoot(),
                ratio: observed / max(root, .leastNormalMagnitude))
        }
        let editLevel = level(sums.edit, extremes.edit)
        return StorageNoise(
            grids: types,
            levels: types.a == types.b
                ? [editLevel]
                : zip(sums.ways, extremes.ways).map(level)
                    .sorted { $0.rootMeanSquare < $1.rootMeanSquare },
            editLevel: editLevel, isRetyped: typeA != typeB)
    }

    /// The rows of A with the largest sums of squares.
    private static func longestRows(of pair: TensorPair) throws -> [Int] {
        let tileRows = max(1, sampleSize / pair.columns)
        var squares: [Double] = []
        for first in stride(from: 0, to: pair.rows, by: tileRows) {
            let range = first..<min(first + tileRows, pair.rows)
            var a = [Float](repeating: 0, count: range.count * pair.columns)
            var b = a
            try pair.read(rows: range, a: &a, b: &b)
            for row in range.indices {
                let values = a[((row - first) * pair.columns)..<((row - first + 1) * pair.columns)]
                squares.append(values.dot(values))
            }
            pair.releasePages(rows: range)
        }
        let order = squares.indices.sorted { left, right in
            squares[left] != squares[right] ? squares[left] > squares[right] : left < right
        }
        return Array(order.prefix(extremeRows))
    }

    /// Sums of squares over sampled rows.
    private struct NoiseSums {
        struct Way {
            var squares = 0.0
            var longestRow = 0.0
            var columns: [Double]

            mutating func add(_ rounding: [Float]) {
                var ofRow = 0.0
                for (column, value) in rounding.enumerated() {
                    let square = Double(value) * Double(value)
                    columns[column] += square
                    ofRow += square
                }
                squares += ofRow
                longestRow = max(longestRow, ofRow)
            }
        }

        let types: StoredGrids
        /// From A to B, from B to A, from a third to both.
        var ways: [Way]
        /// From an edited A to B.
        var edit: Way
        var change = 0.0
        var count = 0

        init(columns: Int, types: StoredGrids) {
            self.types = types
            let way = Way(columns: [Double](repeating: 0, count: columns))
            ways = Array(repeating: way, count: types.a == types.b ? 0 : 3)
            edit = way
        }

        /// Adds a row, unless it has values that a type cannot hold.
        mutating func add(_ a: [Float], _ b: [Float]) {
            let between = zip(a, b).map { $0 + StorageNoise.section * ($1 - $0) }
            guard let ofEdit = StorageNoise.rounding(of: between, in: types.b) else { return }
            if types.a != types.b {
                guard let roundedA = StorageNoise.rounded(a, as: types.b),
                    let roundedB = StorageNoise.rounded(b, as: types.a)
                else { return }
                let (first, second) = (
                    zip(a, roundedA).map { $0 - $1 }, zip(b, roundedB).map { $0 - $1 }
                )
                ways[0].add(first)
                ways[1].add(second)
                ways[2].add(zip(first, second).map { ($0 * $0 + $1 * $1).squareRoot() })
            }
            edit.add(ofEdit)
            count += a.count
            for (x, y) in zip(a, b) { change += (Double(x) - Double(y)) * (Double(x) - Double(y)) }
        }
    }

    /// What a type rounds off values of a sum; nil where it cannot hold them.
    ///
    /// The sum itself was rounded to f32, evenly within the last place.
    private static func rounding(of row: [Float], in type: ElementType) -> [Float]? {
        guard let rounded = rounded(row, as: type) else { return nil }
        let evenly = 1 / Float(12).squareRoot()
        return type == .f32 || type == .f64
            ? row.map { $0.ulp * evenly } : zip(row, rounded).map { $0 - $1 }
    }

    /// The values as they are read back from a type; nil where it cannot hold them.
    private static func rounded(_ row: [Float], as type: ElementType) -> [Float]? {
        guard row.allSatisfy(\.isFinite) else { return nil }
        guard let values = RowEncoder.roundTrip(row, as: type)?.values else { return nil }
        return values.allSatisfy(\.isFinite) ? values : nil
    }
}
