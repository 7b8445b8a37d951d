package import Formats

/// A dense f32 matrix in row-major order with the products that a decomposition of large matrices needs: tiles of a
/// matrix that is never whole in memory times tall, narrow ones. Matrix products go to OpenBLAS on the calling thread, where
/// no crew is given.
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

    /// selfᵀ · right in f64, in tiles of fixed size that the crew shares.
    ///
    /// - Parameters:
    ///   - right: (rows, width)
    ///   - width: its columns
    /// - Returns: (columns, width)
    package func transposedTimes(_ right: [Double], width: Int, crew: WorkCrew) -> [Double] {
        precondition(width >= 0 && right.count == rows * width)
        var product = [Double](repeating: 0, count: columns * width)
        guard width > 0, rows > 0 else { return product }
        let (tile, depth) = (64, 256)
        product.withUnsafeMutableBufferPointer { output in
            right.withUnsafeBufferPointer { right in
                guard let output = output.baseAddress, let right = right.baseAddress else { return }
                crew.run((columns + tile - 1) / tile) {
                    [output = Shared(output), right = Shared(right)] index in
                    let own = index * tile..<min((index + 1) * tile, columns)
                    var widened = [Double](repeating: 0, count: own.count * depth)
                    widened.withUnsafeMutableBufferPointer { memory in
                        guard let start = memory.baseAddress else { return }
                        for first in stride(from: 0, to: rows, by: depth) {
                            let part = first..<min(first + depth, rows)
                            widen(rows: part, columns: own, into: start)
                            BLAS.addProduct(
                                .init(start: output + own.lowerBound * width, rowStride: width),
                                .init(start: UnsafePointer(start), rowStride: own.count),
                                .init(start: right + first * width, rowStride: width),
                                m: own.count, n: width, k: part.count, transposing: .first)
                        }
                    }
                }
            }
        }
        return product
    }

    /// The same rows, each times its factor.
    ///
    /// - Precondition: there are as many factors as rows.
    package func scalingRows(by factors: [Double]) -> DenseMatrix {
        precondition(factors.count == rows)
        var scaled = self
        for (row, factor) in factors.enumerated() {
            for index in row * columns..<(row + 1) * columns {
                scaled.values[index] = Float(factor * Double(values[index]))
            }
        }
        return scaled
    }

    /// Overwrites rows from one on.
    ///
    /// - Precondition: the values are whole rows, and there is room for them.
    package mutating func setRows(from first: Int, to rows: Span<Float>) {
        let start = first * columns
        precondition(first >= 0 && start + rows.count <= values.count)
        rows.withUnsafeBufferPointer { source in
            values.withUnsafeMutableBufferPointer { target in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                (to + start).update(from: from, count: source.count)
            }
        }
    }

    /// Some of the rows.
    package func extracting(rows range: Range<Int>) -> DenseMatrix {
        DenseMatrix(
            rows: range.count, columns: columns,
            values: Array(values[range.lowerBound * columns..<range.upperBound * columns]))
    }

    /// Writes a part of the matrix in f64, row after row.
    func widen(
        rows: Range<Int>, columns part: Range<Int>, into target: UnsafeMutablePointer<Double>
    ) {
        values.withUnsafeBufferPointer { values in
            for (place, row) in rows.enumerated() {
                let first = row * columns + part.lowerBound
                let start = target + place * part.count
                for column in 0..<part.count { start[column] = Double(values[first + column]) }
            }
        }
    }
}
