package import Formats

/// A symmetric matrix in f64 and its decomposition by Cholesky (Golub and Van Loan, Matrix Computations, 4.2.9, by
/// blocks): what least squares on many samples need.
///
/// Work is shared out in tiles of fixed size, each of which one thread computes whole, so that results do not depend on the
/// number of threads.
package struct SymmetricMatrix: Sendable {
    package let size: Int
    /// (size, size); only the lower triangle counts.
    private(set) var values: [Double]

    /// Rows and columns of a tile.
    private static let tile = 192
    /// How many products are summed at a time: a widened tile stays in cache.
    private static let depth = 256

    /// Which products of a matrix's parts there are.
    package enum Products: Sendable {
        /// xᵀ · x, of its columns
        case ofColumns
        /// x · xᵀ, of its rows
        case ofRows
    }

    /// The products of a matrix with itself, in f64.
    package init(_ products: Products, of matrix: DenseMatrix, crew: WorkCrew) {
        let size = products == .ofColumns ? matrix.columns : matrix.rows
        self.size = size
        values = [Double](repeating: 0, count: size * size)
        let tiles = Self.tiles(size)
        let pairs = Self.pairs(from: 0, to: tiles.count)
        values.withUnsafeMutableBufferPointer { output in
            guard let start = output.baseAddress else { return }
            crew.run(pairs.count) { [start = Shared(start)] index in
                let (left, right) = (tiles[pairs[index].row], tiles[pairs[index].column])
                Self.addProducts(
                    products, of: matrix, left, right,
                    to: start + (left.lowerBound * size + right.lowerBound), stride: size)
            }
        }
    }

    /// A matrix with these values.
    ///
    /// - Precondition: there are size² of them.
    package init(size: Int, values: [Double]) {
        precondition(size >= 0 && values.count == size * size)
        self.size = size
        self.values = values
    }

    /// The sum of the diagonal.
    package var trace: Double { (0..<size).reduce(0) { $0 + values[$1 * size + $1] } }

    private static func tiles(_ size: Int) -> [Range<Int>] {
        stride(from: 0, to: size, by: tile).map { $0..<min($0 + tile, size) }
    }

    /// The tiles of the lower triangle from one on.
    private static func pairs(from first: Int, to end: Int) -> [(row: Int, column: Int)] {
        (first..<max(first, end)).flatMap { row in (first...row).map { (row, $0) } }
    }

    /// Adds the products of two ranges of a matrix's rows or columns to a tile.
    private static func addProducts(
        _ products: Products, of matrix: DenseMatrix, _ left: Range<Int>, _ right: Range<Int>,
        to output: UnsafeMutablePointer<Double>, stride: Int
    ) {
        let length = products == .ofColumns ? matrix.rows : matrix.columns
        var widened = [Double](repeating: 0, count: (left.count + right.count) * depth)
        widened.withUnsafeMutableBufferPointer { memory in
            guard let start = memory.baseAddress else { return }
            let other = start + left.count * depth
            for first in Swift.stride(from: 0, to: length, by: depth) {
                let part = first..<min(first + depth, length)
                let isByColumns = products == .ofColumns
                for (range, target) in [(left, start), (right, other)] {
                    matrix.widen(
                        rows: isByColumns ? part : range, columns: isByColumns ? range : part,
                        into: target)
                }
                // Widened tiles lie as they do in the matrix.
                BLAS.addProduct(
                    .init(start: output, rowStride: stride),
                    .init(
                        start: UnsafePointer(start),
                        rowStride: isByColumns ? left.count : part.count),
                    .init(
                        start: UnsafePointer(other),
                        rowStride: isByColumns ? right.count : part.count),
                    m: left.count, n: right.count, k: part.count,
                    transposing: isByColumns ? .first : .second)
            }
        }
    }

    /// The decomposition L · Lᵀ of this matrix with a number added to its diagonal.
    ///
    /// - Returns: nil where the sum is not positive definite, as far as f64 can tell, or not finite.
    package func factored(adding ridge: Double, crew: WorkCrew) -> CholeskyFactor? {
        var lower = values
        for index in 0..<size { lower[index * size + index] += ridge }
        let tiles = Self.tiles(size)
        var isPositive = true
        lower.withUnsafeMutableBufferPointer { memory in
            guard let start = memory.baseAddress else { return }
            for (step, own) in tiles.enumerated() {
                let corner = start + (own.lowerBound * size + own.lowerBound)
                isPositive = Self.factor(corner, size: own.count, stride: size)
                guard isPositive else { return }
                let below = step + 1
                crew.run(tiles.count - below) { [start = Shared(start)] index in
                    let rows = tiles[below + index]
                    BLAS.divideTransposed(
                        .init(
                            start: start + (rows.lowerBound * size + own.lowerBound),
                            rowStride: size),
                        by: .init(
                            start: UnsafePointer(
                                start + (own.lowerBound * size + own.lowerBound)),
                            rowStride: size), m: rows.count, n: own.count)
                }
                let pairs = Self.pairs(from: below, to: tiles.count)
                crew.run(pairs.count) { [start = Shared(start)] index in
                    let (rows, columns) = (tiles[pairs[index].row], tiles[pairs[index].column])
                    BLAS.addProduct(
                        .init(
                            start: start + (rows.lowerBound * size + columns.lowerBound),
                            rowStride: size),
                        .init(
                            start: UnsafePointer(
                                start + (rows.lowerBound * size + own.lowerBound)),
                            rowStride: size),
                        .init(
                            start: UnsafePointer(
                                start + (columns.lowerBound * size + own.lowerBound)),
                            rowStride: size),
                        m: rows.count, n: columns.count, k: own.count, scale: -1,
                        transposing: .second)
                }
            }
        }
        return isPositive ? CholeskyFactor(size: size, lower: lower) : nil
    }

    /// Decomposes one tile in place, column by column.
    ///
    /// - Returns: whether all pivots are positive.
    private static func factor(
        _ tile: UnsafeMutablePointer<Double>, size: Int, stride: Int
    ) -> Bool {
        for column in 0..<size {
            let own = tile + column * stride
            var pivot = own[column]
            for index in 0..<column { pivot -= own[index] * own[index] }
            guard pivot > 0, pivot.isFinite else { return false }
            let root = pivot.squareRoot()
            own[column] = root
            for row in (column + 1)..<max(size, column + 1) {
                let other = tile + row * stride
                var sum = other[column]
                for index in 0..<column { sum -= other[index] * own[index] }
                other[column] = sum / root
            }
        }
        return true
    }
}

/// The lower triangular factor L of a positive definite matrix L · Lᵀ.
package struct CholeskyFactor: Sendable {
    package let size: Int
    /// (size, size); what is above the diagonal does not count.
    private let lower: [Double]

    fileprivate init(size: Int, lower: [Double]) {
        self.size = size
        self.lower = lower
    }

    /// The X of L · Lᵀ · X = right, column by column in tiles of fixed width.
    ///
    /// - Parameters:
    ///   - right: (size, columns)
    ///   - columns: how many right sides there are
    /// - Returns: (size, columns)
    package func solution(of right: [Double], columns: Int, crew: WorkCrew) -> [Double] {
        precondition(columns > 0 && right.count == size * columns)
        var x = right
        let tiles = stride(from: 0, to: columns, by: Self.tile).map {
            $0..<min($0 + Self.tile, columns)
        }
        x.withUnsafeMutableBufferPointer { memory in
            lower.withUnsafeBufferPointer { lower in
                guard let start = memory.baseAddress, let factor = lower.baseAddress else { return }
                crew.run(tiles.count) { [start = Shared(start), factor = Shared(factor)] index in
                    BLAS.divide(
                        .init(start: start + tiles[index].lowerBound, rowStride: columns),
                        by: .init(start: factor.pointer, rowStride: size), m: size,
                        n: tiles[index].count)
                }
            }
        }
        return x
    }

    /// Right sides that one thread takes at a time.
    private static let tile = 64
}
