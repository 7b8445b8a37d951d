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

        /// Where most rows are exactly the encoder's, another row can only come from another processor's last place: a tie
        /// that falls to the other side, a scale that fits as well.
        static let reference = Tolerance(slack: 0.1, factor: 1.25, countsSource: false)
        /// Rounded towards zero, or twice.
        static let plain = Tolerance(slack: 0.5, factor: .infinity, countsSource: true)
        /// Quantisers that weigh errors, which take other scales and leave integers that fitted the former ones.
        static let weighted = Tolerance(slack: 1, factor: 2.5, countsSource: true)
    }

    let isFromA: Bool
    /// The type that values were encoded in.
    let type: ElementType
    /// How many values make a place: a row of a matrix, one value of a vector.
    let unit: Int
    let isReference: Bool
    let tolerance: Tolerance

    private let pair: TensorPair
    private let source: CanonicalTensor
    private let encoded: CanonicalTensor

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
        let grids = try Self.grids(pair, rows: sample, types: (a, b))
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
        tolerance = isReference ? .reference : isPlain ? .plain : .weighted
    }

    /// What was taken off the values before they were encoded, as norms stored without their one.
    var shift: Float { encoded.shift }

    /// Reads rows of both sides and encodes the source's.
    func read(_ rows: Range<Int>) throws(CheckpointError) -> [ReencodedRow] {
        try Way.read(pair, rows, source: source, encoded: encoded, type: type, isFromA: isFromA)
    }

    /// The narrowest types that hold the values of most rows.
    private static func grids(
        _ pair: TensorPair, rows: [Int], types: (a: ElementType, b: ElementType)
    ) throws(CheckpointError) -> (a: ElementType, b: ElementType) {
        func candidates(_ type: ElementType) -> [ElementType] {
            switch type {
            case .f64: [.bf16, .f16, .f32]
            case .f32: [.bf16, .f16]
            case .f16: [.bf16]
            default: []
            }
        }
        let narrower = (candidates(types.a), candidates(types.b))
        var held = (narrower.0.map { _ in 0 }, narrower.1.map { _ in 0 })
        var a = [Float](repeating: 0, count: pair.columns)
        var b = a
        let shifts = (pair.a.shift, pair.b.shift)
        for row in rows {
            try pair.read(rows: row..<(row + 1), a: &a, b: &b)
            for (index, type) in narrower.0.enumerated() where holds(a, shifts.0, type) {
                held.0[index] += 1
            }
            for (index, type) in narrower.1.enumerated() where holds(b, shifts.1, type) {
                held.1[index] += 1
            }
        }
        func narrowest(_ type: ElementType, _ types: [ElementType], _ held: [Int]) -> ElementType {
            zip(types, held).first { 2 * $0.1 > rows.count }?.0 ?? type
        }
        return (
            narrowest(types.a, narrower.0, held.0), narrowest(types.b, narrower.1, held.1)
        )
    }

    /// Whether a type holds nearly all of some values.
    private static func holds(_ values: [Float], _ shift: Float, _ type: ElementType) -> Bool {
        guard let grid = PlainGrid(type) else { return false }
        let count = values.count { grid.rounded($0 - shift) == $0 - shift }
        return Double(count) >= 0.9 * Double(values.count)
    }
}

/// One of the two ways between two tensors.
private struct Way {
    let isFromA: Bool
    let type: ElementType
    let pair: TensorPair

    var source: CanonicalTensor { isFromA ? pair.a : pair.b }
    var encoded: CanonicalTensor { isFromA ? pair.b : pair.a }

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
        _ pair: TensorPair, _ rows: Range<Int>, source: CanonicalTensor, encoded: CanonicalTensor,
        type: ElementType, isFromA: Bool
    ) throws(CheckpointError) -> [ReencodedRow] {
        let columns = pair.columns
        var a = [Float](repeating: 0, count: rows.count * columns)
        var b = a
        try pair.read(rows: rows, a: &a, b: &b)
        let shift = encoded.shift
        return rows.map { row in
            let part = ((row - rows.lowerBound) * columns)..<((row - rows.lowerBound + 1) * columns)
            let (from, to) = isFromA ? (a[part], b[part]) : (b[part], a[part])
            return ReencodedRow(
                number: row, source: from.map { $0 - shift }, encoded: to.map { $0 - shift },
                type: type, sourceType: source.tensor?.type ?? type,
                sourceBytes: source.storedBytes(ofRow: row, columns: columns),
                encodedBytes: encoded.storedBytes(ofRow: row, columns: columns))
        }
    }
}
