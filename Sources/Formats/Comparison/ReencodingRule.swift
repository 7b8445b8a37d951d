/// Which of two tensors was encoded in which type, and how closely the other must follow.
struct ReencodingRule {
    /// How far a rounding may be from the nearest value, and how large its error.
    struct Tolerance {
        /// In steps, beyond the nearest value that the element could have had.
        let slack: Float
        /// The root mean square of a group's error, in units of the encoder's.
        let factor: Double
        /// Whether the source is itself a rounding of something else.
        let countsSource: Bool
        /// Whether a value may have been cut, which leaves up to a whole step.
        var isCut = false

        /// Where most rows are exactly the encoder's, another row can only come from another processor's last place: a tie
        /// that falls to the other side, a scale that fits as well.
        static let reference = Tolerance(slack: 0.1, factor: 1.25, countsSource: false)
        /// Rounded towards zero, or twice.
        static let plain = Tolerance(
            slack: 0.5, factor: .infinity, countsSource: true, isCut: true)

        /// Quantisers that weigh errors by importance, which take other scales. Those of super-blocks choose the integers
        /// for the scales as they are stored; the others leave integers that fitted the former ones. Measured on
        /// llama-quantize with importance that varies by factors of 1000: at most 0, 1.0 and 2.2 steps, 3.0 times the
        /// error.
        static func weighted(_ type: ElementType) -> Tolerance {
            let slack: Float =
                switch type {
                case .q4_0, .q5_0: 2.5
                case .q4_1, .q5_1, .q8_0: 1.1
                default: 0.1
                }
            return Tolerance(slack: slack, factor: 4, countsSource: true)
        }
    }

    let grids: StoredGrids
    let isFromA: Bool
    /// The type that values were encoded in.
    let type: ElementType
    /// How many values make a place: a row of a matrix, one value of a vector.
    let unit: Int
    let isReference: Bool
    let tolerance: Tolerance

    private let pair: TensorPair
    private let source: WeightRows
    private let encoded: WeightRows

    /// How many rows are looked at to choose.
    private static let sampleRows = 64
    /// A tensor of fewer rows in plain types is judged value by value.
    private static let fewestRows = 8

    /// - Returns: nil where neither side's type can be judged, or both are one plain type.
    /// - Throws: `CheckpointError` where values cannot be read.
    init?(
        _ pair: TensorPair, from wanted: ReencodingCheck.Source?
    ) throws(CheckpointError) {
        guard pair.elementCount > 0, let a = pair.a.tensor?.type, let b = pair.b.tensor?.type
        else { return nil }
        let count = min(pair.rows, Self.sampleRows)
        let sample = (0..<count).map { $0 * pair.rows / count }
        let grids = try StoredGrids(pair)
        self.grids = grids
        guard grids.a != grids.b || grids.a.isQuantized else { return nil }
        let isPlain = !a.isQuantized && !b.isQuantized
        unit = isPlain && pair.rows < Self.fewestRows ? 1 : pair.columns
        self.pair = pair
        let ways = [true, false].filter { wanted == nil || $0 == (wanted == .a) }.compactMap {
            isFromA in
            Way(pair, isFromA: isFromA, type: isFromA ? grids.b : grids.a)
        }
        var best: (way: Way, exact: Int, error: Double)?
        for way in ways {
            let (exact, error) = try way.measure(sample, unit: unit)
            if let known = best {
                if known.exact > exact { continue }
                if known.exact == exact, known.error >= error { continue }
            }
            best = (way, exact, error)
        }
        guard let best else { return nil }
        (isFromA, type) = (best.way.isFromA, best.way.type)
        (source, encoded) = (best.way.source, best.way.encoded)
        isReference = 2 * best.exact > count * (pair.columns / unit)
        tolerance = isReference ? .reference : isPlain ? .plain : .weighted(type)
    }

    /// What brings an encoded value into the layout of the comparison.
    var change: StorageForm { encoded.change }

    /// Reads rows of both sides and encodes the source's.
    func read(_ rows: Range<Int>) throws(CheckpointError) -> [ReencodedRow] {
        try Way.read(pair, rows, source: source, encoded: encoded, type: type, isFromA: isFromA)
    }
}

/// One of the two ways between two tensors.
private struct Way {
    let isFromA: Bool
    let type: ElementType
    let pair: TensorPair

    var source: WeightRows { isFromA ? pair.a : pair.b }
    var encoded: WeightRows { isFromA ? pair.b : pair.a }

    /// - Returns: nil where the type cannot be encoded or its rows cannot be read one by one.
    init?(_ pair: TensorPair, isFromA: Bool, type: ElementType) {
        guard PlainGrid(type) != nil || BlockLayout(type) != nil,
            pair.columns % type.elementsPerBlock == 0
        else { return nil }
        self.pair = pair
        self.isFromA = isFromA
        self.type = type
        guard !type.isQuantized || encoded.storedBytes(ofRow: 0, columns: pair.columns) != nil
        else { return nil }
    }

    /// How many units of some rows are exactly the encoder's, and the sum of the squares that it rounds off.
    func measure(_ rows: [Int], unit: Int) throws(CheckpointError) -> (exact: Int, error: Double) {
        var exact = 0
        var error = 0.0
        for number in rows {
            let read = try Self.read(
                pair, number..<(number + 1), source: source, encoded: encoded, type: type,
                isFromA: isFromA)
            for row in read {
                exact += (0..<(pair.columns / unit)).count { index in
                    row.isExact(in: (index * unit)..<((index + 1) * unit))
                }
                for (x, y) in zip(row.source, row.expected) where x.isFinite && y.isFinite {
                    error += (Double(x) - Double(y)) * (Double(x) - Double(y))
                }
            }
        }
        return (exact, error)
    }

    static func read(
        _ pair: TensorPair, _ rows: Range<Int>, source: WeightRows, encoded: WeightRows,
        type: ElementType, isFromA: Bool
    ) throws(CheckpointError) -> [ReencodedRow] {
        let columns = pair.columns
        var a = [Float](repeating: 0, count: rows.count * columns)
        var b = a
        try pair.read(rows: rows, a: &a, b: &b)
        let change = encoded.change
        return rows.map { row in
            let part = ((row - rows.lowerBound) * columns)..<((row - rows.lowerBound + 1) * columns)
            let (from, to) = isFromA ? (a[part], b[part]) : (b[part], a[part])
            return ReencodedRow(
                number: row, source: from.map(change.stored), encoded: to.map(change.stored),
                type: type, sourceType: source.tensor?.type ?? type,
                sourceBytes: source.storedBytes(ofRow: row, columns: columns),
                encodedBytes: encoded.storedBytes(ofRow: row, columns: columns))
        }
    }
}
