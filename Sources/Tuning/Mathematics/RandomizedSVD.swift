import Glibc
import Transformer

/// The largest singular values and vectors of a matrix that is read in tiles of rows and never whole in memory:
/// randomised range finding with power iterations (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1).
///
/// The random numbers have a fixed seed, and everything runs on the calling thread: the same matrix gives the same bits.
struct RandomizedSVD {
    /// Largest first.
    let values: [Double]
    /// (rows, count): the left singular vectors as columns.
    let left: DenseMatrix
    /// (columns, count): the right singular vectors as columns.
    let right: DenseMatrix
    /// The sum of the squares of all elements.
    let energy: Double

    /// What lies outside the found vectors: ‖A − U S Vᵀ‖² in the Frobenius norm, without a doubt of probability, since U is
    /// orthonormal. A true squared singular value is at most this much above the one found.
    var residualEnergy: Double { max(0, energy - values.reduce(0) { $0 + $1 * $1 }) }

    /// Vectors sought beyond those asked for, which makes the last ones accurate.
    static let oversampling = 10
    /// Products with A Aᵀ that sharpen the range.
    static let powerIterations = 2
    private static let seed: UInt64 = 0x7273_7664
    /// Elements of a tile.
    private static let elementsPerTile = 1 << 18

    /// - Parameters:
    ///   - source: the matrix; its rows are asked for in order, several times over.
    ///   - count: how many singular values are wanted; fewer come where the matrix has no more.
    /// - Throws: what reading throws.
    init(_ source: inout some MatrixRows, count: Int) throws {
        let width = min(count + Self.oversampling, min(source.rows, source.columns))
        let tileRows = max(1, Self.elementsPerTile / max(source.columns, 1))
        var matrix = TiledMatrix(source: source, tileRows: tileRows)
        defer { source = matrix.source }
        let start = Self.gaussian(rows: source.columns, columns: width)
        var energy = 0.0
        var basis = Orthonormal.basis(of: try matrix.times(start, energy: &energy))
        for _ in 0..<Self.powerIterations where basis.columns > 0 {
            let across = Orthonormal.basis(of: try matrix.transposedTimes(basis))
            basis = Orthonormal.basis(of: try matrix.times(across, energy: &energy))
        }
        let projected = try matrix.transposedTimes(basis)
        let eigen = SymmetricEigen(projected.gram(), size: basis.columns)
        let kept = eigen.values.prefix(count).prefix { $0 > 0 }.count
        var rotation = DenseMatrix(rows: basis.columns, columns: kept)
        for row in 0..<rotation.rows {
            for column in 0..<kept {
                rotation.values[row * kept + column] = Float(
                    eigen.vectors[row * rotation.rows + column])
            }
        }
        values = eigen.values.prefix(kept).map { $0.squareRoot() }
        left = basis.times(rotation)
        var right = projected.times(rotation)
        for row in 0..<right.rows {
            for column in 0..<kept {
                right.values[row * kept + column] /= Float(values[column])
            }
        }
        self.right = right
        self.energy = energy
    }

    /// Normally distributed numbers (Box and Muller 1958).
    private static func gaussian(rows: Int, columns: Int) -> DenseMatrix {
        var generator = Xoshiro256(seed: seed)
        var values: [Float] = []
        values.reserveCapacity(rows * columns + 1)
        while values.count < rows * columns {
            let radius = (-2 * log(1 - generator.nextUnit())).squareRoot()
            let angle = 2 * Double.pi * generator.nextUnit()
            values += [Float(radius * cos(angle)), Float(radius * sin(angle))]
        }
        return DenseMatrix(
            rows: rows, columns: columns, values: Array(values.prefix(rows * columns)))
    }
}

/// A matrix that gives its rows a few at a time.
protocol MatrixRows {
    var rows: Int { get }
    var columns: Int { get }

    /// Reads rows into the beginning of an array that has room for them. All values are finite.
    mutating func read(_ rows: Range<Int>, into tile: inout [Float]) throws
}

/// A matrix that is read in tiles of whole rows.
private struct TiledMatrix<Source: MatrixRows> {
    var source: Source
    let tileRows: Int

    /// self · other, and on the way the sum of the squares of this matrix's elements.
    mutating func times(_ other: DenseMatrix, energy: inout Double) throws -> DenseMatrix {
        var product = DenseMatrix(rows: source.rows, columns: other.columns)
        var squares = 0.0
        let columns = source.columns
        try forEachTile { range, tile in
            squares += dotInDoubles(tile, tile, count: range.count * columns)
            product.setRows(range, to: tile, times: other)
        }
        energy = squares
        return product
    }

    /// selfᵀ · other
    mutating func transposedTimes(_ other: DenseMatrix) throws -> DenseMatrix {
        var product = DenseMatrix(rows: source.columns, columns: other.columns)
        try forEachTile { range, tile in
            product.addTransposed(tile, times: other, rows: range)
        }
        return product
    }

    private mutating func forEachTile(_ body: (Range<Int>, [Float]) throws -> Void) throws {
        let rows = source.rows
        var tile = [Float](repeating: 0, count: min(tileRows, rows) * source.columns)
        for first in stride(from: 0, to: rows, by: tileRows) {
            let range = first..<min(first + tileRows, rows)
            try source.read(range, into: &tile)
            try body(range, tile)
        }
    }
}

/// Orthonormal bases of the columns of tall matrices.
enum Orthonormal {
    /// Directions this much shorter than the longest column are rounding, and are dropped.
    private static let shortest = 1e-6

    /// An orthonormal basis of the columns' span; it has fewer columns where they depend on each other.
    ///
    /// Cholesky's decomposition of the Gram matrix with pivots, twice, because the first leaves columns that are only
    /// nearly orthogonal (Yamamoto and others 2015).
    static func basis(of matrix: DenseMatrix) -> DenseMatrix {
        reduced(reduced(matrix))
    }

    private static func reduced(_ matrix: DenseMatrix) -> DenseMatrix {
        let size = matrix.columns
        var gram = matrix.gram()
        var order = Array(0..<size)
        let longest = (0..<size).map { gram[$0 * size + $0] }.max() ?? 0
        // The rows of the lower factor, in the order of the pivots.
        var lower = [Double](repeating: 0, count: size * size)
        var rank = 0
        while rank < size {
            let pivot = order[rank...].max { left, right in
                gram[left * size + left] < gram[right * size + right]
            }
            guard let pivot, let place = order.firstIndex(of: pivot) else { break }
            let square = gram[pivot * size + pivot]
            guard square > longest * shortest * shortest, square > 0 else { break }
            order.swapAt(rank, place)
            let length = square.squareRoot()
            lower[pivot * size + rank] = length
            for index in order[(rank + 1)...] {
                lower[index * size + rank] = gram[index * size + pivot] / length
            }
            for left in order[(rank + 1)...] {
                let factor = lower[left * size + rank]
                for right in order[(rank + 1)...] {
                    gram[left * size + right] -= factor * lower[right * size + rank]
                }
            }
            rank += 1
        }
        return matrix.times(inverse(of: lower, order, rank: rank, size: size))
    }

    /// What the matrix is multiplied with to make its columns orthonormal: the pivots' columns times the inverse of the
    /// transposed factor.
    ///
    /// - Returns: (size, rank)
    private static func inverse(
        of lower: [Double], _ order: [Int], rank: Int, size: Int
    ) -> DenseMatrix {
        var result = DenseMatrix(rows: size, columns: rank)
        // Column k of the inverse of the upper triangular factor, by substitution from below.
        for column in 0..<rank {
            var solution = [Double](repeating: 0, count: column + 1)
            for row in stride(from: column, through: 0, by: -1) {
                var sum = row == column ? 1.0 : 0.0
                for index in stride(from: row + 1, through: column, by: 1) {
                    sum -= lower[order[index] * size + row] * solution[index]
                }
                solution[row] = sum / lower[order[row] * size + row]
            }
            for row in 0...column {
                result.values[order[row] * rank + column] = Float(solution[row])
            }
        }
        return result
    }
}

/// Σ a b of the first elements in f64, in eight sums: for whole tiles, twice as fast as `dot`, whose order of summing
/// vectors keep.
func dotInDoubles(_ a: [Float], _ b: [Float], count: Int) -> Double {
    precondition(count <= a.count && count <= b.count)
    var sums = SIMD8<Double>.zero
    let whole = count & ~7
    for index in stride(from: 0, to: whole, by: 8) {
        for lane in 0..<8 { sums[lane] += Double(a[index + lane]) * Double(b[index + lane]) }
    }
    var sum = sums.sum()
    for index in whole..<count { sum += Double(a[index]) * Double(b[index]) }
    return sum
}
