/// A dense f32 matrix in row-major order with the products that a decomposition of large matrices needs: tiles of a
/// matrix that is never whole in memory times tall, narrow ones. Matrix products go to OpenBLAS on the calling thread.
package struct DenseMatrix: Sendable {
    package let rows: Int
    package let columns: Int
    /// (rows, columns)
    package var values: [Float]

    /// A matrix of zeros.
    package init(rows: Int, columns: Int) {
        self.init(
            rows: rows, columns: columns, values: [Float](repeating: 0, count: rows * columns))
    }

    /// - Precondition: there are rows · columns values.
    package init(rows: Int, columns: Int, values: [Float]) {
        precondition(rows >= 0 && columns >= 0 && values.count == rows * columns)
        self.rows = rows
        self.columns = columns
        self.values = values
    }

    /// Sets rows to tile · other.
    ///
    /// - Parameters:
    ///   - range: the rows of this matrix, as many as the tile has
    ///   - tile: (range.count, other.rows), at the beginning of the array
    ///   - other: (tile's columns, columns)
    package mutating func setRows(_ range: Range<Int>, to tile: [Float], times other: DenseMatrix) {
        precondition(range.upperBound <= rows && other.columns == columns)
        precondition(tile.count >= range.count * other.rows)
        guard !range.isEmpty, columns > 0, other.rows > 0 else { return }
        let (width, inner) = (columns, other.rows)
        values.withUnsafeMutableBufferPointer { output in
            tile.withUnsafeBufferPointer { left in
                other.values.withUnsafeBufferPointer { right in
                    guard let output = output.baseAddress, let left = left.baseAddress,
                        let right = right.baseAddress
                    else { return }
                    BLAS.addProduct(
                        .init(start: output + range.lowerBound * width, rowStride: width),
                        .init(start: left, rowStride: inner),
                        .init(start: right, rowStride: width),
                        m: range.count, n: width, k: inner, accumulating: false)
                }
            }
        }
    }

    /// Adds tileᵀ · some rows of another matrix.
    ///
    /// - Parameters:
    ///   - tile: (range.count, rows), at the beginning of the array
    ///   - range: the rows of `other`, as many as the tile has
    ///   - other: (any, columns)
    package mutating func addTransposed(
        _ tile: [Float], times other: DenseMatrix, rows range: Range<Int>
    ) {
        precondition(range.upperBound <= other.rows && other.columns == columns)
        precondition(tile.count >= range.count * rows)
        guard !range.isEmpty, columns > 0, rows > 0 else { return }
        let (width, height) = (columns, rows)
        values.withUnsafeMutableBufferPointer { output in
            tile.withUnsafeBufferPointer { left in
                other.values.withUnsafeBufferPointer { right in
                    guard let output = output.baseAddress, let left = left.baseAddress,
                        let right = right.baseAddress
                    else { return }
                    BLAS.addTransposedProduct(
                        .init(start: output, rowStride: width),
                        .init(start: left, rowStride: height),
                        .init(start: right + range.lowerBound * width, rowStride: width),
                        m: height, n: width, k: range.count)
                }
            }
        }
    }

    /// selfᵀ · self, summed in f64 in the order of the rows.
    ///
    /// - Returns: (columns, columns)
    package func gram() -> [Double] {
        var sums = [Double](repeating: 0, count: columns * columns)
        var row = [Double](repeating: 0, count: columns)
        let width = columns
        sums.withUnsafeMutableBufferPointer { sums in
            row.withUnsafeMutableBufferPointer { row in
                for first in stride(from: 0, to: values.count, by: max(width, 1)) {
                    for column in 0..<width { row[column] = Double(values[first + column]) }
                    // The lower triangle; the upper one is its mirror.
                    for left in 0..<width {
                        let (factor, place) = (row[left], left * width)
                        for right in 0...left { sums[place + right] += factor * row[right] }
                    }
                }
                for left in 0..<width {
                    for right in 0..<left {
                        sums[right * width + left] = sums[left * width + right]
                    }
                }
            }
        }
        return sums
    }

    /// self · right, where `right` is small.
    package func times(_ right: DenseMatrix) -> DenseMatrix {
        var product = DenseMatrix(rows: rows, columns: right.columns)
        product.setRows(0..<rows, to: values, times: right)
        return product
    }
}
