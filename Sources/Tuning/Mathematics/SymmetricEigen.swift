/// Eigenvalues and eigenvectors of a small symmetric matrix, by Jacobi's rotations in f64 (Golub and Van Loan, Matrix
/// Computations, 8.5): slow beyond a few hundred rows, and accurate.
struct SymmetricEigen {
    /// Largest first.
    let values: [Double]
    /// (size, size): column k belongs to value k.
    let vectors: [Double]

    private static let largestSweepCount = 40
    /// A matrix counts as diagonal once what lies beside the diagonal is this small beside what lies on it; eigenvalues
    /// are then right to its square.
    private static let tolerance = 1e-11

    /// - Precondition: `matrix` is symmetric and has size² values.
    init(_ matrix: [Double], size: Int) {
        precondition(matrix.count == size * size)
        var a = matrix
        var v = [Double](repeating: 0, count: size * size)
        for index in 0..<size { v[index * size + index] = 1 }
        for _ in 0..<Self.largestSweepCount {
            var beside = 0.0
            var diagonal = 0.0
            for row in 0..<size {
                diagonal += a[row * size + row] * a[row * size + row]
                for column in 0..<row { beside += a[row * size + column] * a[row * size + column] }
            }
            if beside <= Self.tolerance * Self.tolerance * diagonal { break }
            for p in 0..<size {
                for q in (p + 1)..<max(size, p + 1) {
                    Self.rotate(&a, &v, p, q, size)
                }
            }
        }
        let order = (0..<size).sorted { left, right in
            let (x, y) = (a[left * size + left], a[right * size + right])
            return x != y ? x > y : left < right
        }
        values = order.map { a[$0 * size + $0] }
        vectors = (0..<size).flatMap { row in order.map { v[row * size + $0] } }
    }

    /// Makes the element (p, q) zero by a rotation of rows and columns p and q.
    private static func rotate(
        _ a: inout [Double], _ v: inout [Double], _ p: Int, _ q: Int, _ size: Int
    ) {
        let pivot = a[p * size + q]
        guard pivot != 0 else { return }
        let slope = (a[q * size + q] - a[p * size + p]) / (2 * pivot)
        let tangent = (slope < 0 ? -1 : 1) / (abs(slope) + (slope * slope + 1).squareRoot())
        let cosine = 1 / (tangent * tangent + 1).squareRoot()
        let sine = tangent * cosine
        for index in 0..<size {
            let (x, y) = (a[index * size + p], a[index * size + q])
            a[index * size + p] = cosine * x - sine * y
            a[index * size + q] = sine * x + cosine * y
        }
        for index in 0..<size {
            let (x, y) = (a[p * size + index], a[q * size + index])
            a[p * size + index] = cosine * x - sine * y
            a[q * size + index] = sine * x + cosine * y
            let (s, t) = (v[index * size + p], v[index * size + q])
            v[index * size + p] = cosine * s - sine * t
            v[index * size + q] = sine * s + cosine * t
        }
    }
}
