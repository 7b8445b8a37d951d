import Formats

/// The one vector by which all rows of a matrix have moved, where there is one.
///
/// A row's sum was rounded to the stored type, so each element bounds its column's shift from both sides; a vector inside
/// all of the bounds explains every row, and the one of the fewest digits is taken.
struct CommonShift {
    /// (columns)
    let vector: [Float]

    /// Values that are read at a time.
    private static let valuesPerTile = 1 << 16

    /// - Returns: nil where no vector that is not 0 explains all rows, or one row alone is no evidence.
    /// - Throws: `CheckpointError` where values cannot be read.
    init?(of pair: TensorPair) throws(CheckpointError) {
        let columns = pair.columns
        guard pair.isMatrix, pair.rows > 1, columns > 0,
            let type = pair.b.tensor?.type, Self.spacing(of: 1, as: type) != nil
        else { return nil }
        var lower = [Double](repeating: -.infinity, count: columns)
        var upper = [Double](repeating: .infinity, count: columns)
        let step = max(1, Self.valuesPerTile / columns)
        for first in stride(from: 0, to: pair.rows, by: step) {
            let rows = first..<min(first + step, pair.rows)
            var a = [Float](repeating: 0, count: rows.count * columns)
            var b = a
            try pair.read(rows: rows, a: &a, b: &b)
            pair.releasePages(rows: rows)
            for index in a.indices {
                let column = index % columns
                guard let spacing = Self.spacing(of: b[index], as: type) else { return nil }
                let change = Double(b[index]) - Double(a[index])
                lower[column] = max(lower[column], change - spacing / 2)
                upper[column] = min(upper[column], change + spacing / 2)
            }
            guard zip(lower, upper).allSatisfy({ $0 <= $1 }) else { return nil }
        }
        vector = zip(lower, upper).map { Self.simplest(from: $0, to: $1) }
        guard vector.contains(where: { $0 != 0 }) else { return nil }
    }

    /// The distance of a stored value to its neighbours, with what f32 had rounded before; nil for types that shifts are
    /// not stored in, and for what is not finite.
    private static func spacing(of value: Float, as type: ElementType) -> Double? {
        guard value.isFinite else { return nil }
        let single = Double(value.ulp)
        return switch type {
        case .f64: single
        case .f32: single
        case .f16: Double(Float16(value).ulp) + single
        case .bf16: single * 0x1p16 + single
        default: nil
        }
    }

    /// The number of the fewest binary digits in a range.
    static func simplest(from lower: Double, to upper: Double) -> Float {
        if lower <= 0, upper >= 0 { return 0 }
        let largest = max(abs(lower), abs(upper))
        guard largest.isFinite, largest > 0 else { return 0 }
        var step = largest.binade
        while step > largest * 0x1p-40 {
            let multiple = (lower / step).rounded(.up) * step
            if multiple <= upper { return Float(multiple) }
            step /= 2
        }
        return Float((lower + upper) / 2)
    }
}
