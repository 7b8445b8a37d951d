import Transformer

/// What a norm makes of a sub-layer's output before it is added to the stream, and how near it can come to what it should be.
///
/// N(y) = w ⊙ y / rms(y) has a fixed length as a multiple of w: its values are the ellipsoid w ⊙ u, ‖u‖² = d. A target t
/// that lies on none of it cannot be reached by any y. The nearest point is w ⊙ u with u = w t / (w² + μ), and the one μ
/// above −min w² at which ‖u‖² = d (a trust region's boundary: Moré and Sorensen 1983).
struct NormedOutput {
    /// w, (width)
    let weight: [Double]
    let epsilon: Double

    private static let largestStepCount = 100
    private static let tolerance = 1e-12

    /// √(mean y² + ε)
    func rootMeanSquare(_ y: some RandomAccessCollection<Double>) -> Double {
        (y.reduce(0) { $0 + $1 * $1 } / Double(weight.count) + epsilon).squareRoot()
    }

    /// The u whose w ⊙ u is nearest to a target.
    func nearest(to target: [Double]) -> [Double] {
        let squares = weight.map { $0 * $0 }
        let products = zip(weight, target).map { $0 * $1 }
        let width = Double(weight.count)
        // ‖u‖² / d, which falls from the pole at −min w² on.
        func size(_ shift: Double) -> (value: Double, slope: Double) {
            var (value, slope) = (0.0, 0.0)
            for (square, product) in zip(squares, products) where product != 0 {
                let inverse = 1 / (square + shift)
                let u = product * inverse
                value += u * u
                slope -= 2 * u * u * inverse
            }
            return (value / width, slope / width)
        }
        // Above `high` ‖u‖ is too small, below `low` too large.
        var low = -(zip(squares, products).filter { $1 != 0 }.map(\.0).min() ?? 0)
        var high = low + (products.reduce(0) { $0 + $1 * $1 } / width).squareRoot()
        var shift = max(0, (low + high) / 2)
        if shift >= high { shift = (low + high) / 2 }
        for _ in 0..<Self.largestStepCount {
            let (value, slope) = size(shift)
            guard value.isFinite, abs(value - 1) > Self.tolerance, high > low else { break }
            if value > 1 { low = shift } else { high = shift }
            // Newton's step for 1 / √size, which is nearly straight.
            let step = -2 * value * (value.squareRoot() - 1) / slope
            let next = shift + step
            shift = next > low && next < high ? next : (low + high) / 2
        }
        return zip(squares, products).map { $1 == 0 ? 0 : $1 / ($0 + shift) }
    }
}
