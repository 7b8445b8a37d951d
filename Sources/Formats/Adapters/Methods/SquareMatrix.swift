/// A small square matrix, in f64.
struct SquareMatrix: Sendable {
    let size: Int
    /// (size, size)
    private(set) var values: [Double]

    init(size: Int) {
        self.size = size
        values = [Double](repeating: 0, count: size * size)
    }

    static func identity(_ size: Int) -> SquareMatrix {
        var matrix = SquareMatrix(size: size)
        for index in 0..<size { matrix[index, index] = 1 }
        return matrix
    }

    subscript(row: Int, column: Int) -> Double {
        get { values[row * size + column] }
        set { values[row * size + column] = newValue }
    }

    /// The sum with another one times a factor.
    func adding(_ other: SquareMatrix, times factor: Double = 1) -> SquareMatrix {
        var sum = self
        for index in values.indices { sum.values[index] += factor * other.values[index] }
        return sum
    }

    func multiplied(by other: SquareMatrix) -> SquareMatrix {
        var product = SquareMatrix(size: size)
        for row in 0..<size {
            for step in 0..<size {
                let factor = self[row, step]
                for column in 0..<size { product[row, column] += factor * other[step, column] }
            }
        }
        return product
    }

    private var transposed: SquareMatrix {
        var result = SquareMatrix(size: size)
        for row in 0..<size {
            for column in 0..<size { result[column, row] = self[row, column] }
        }
        return result
    }

    /// (I − Q) · (I + Q)⁻¹ of a skew-symmetric matrix Q, which is a rotation (Cayley). I + Q is never singular.
    var cayley: SquareMatrix {
        let unit = SquareMatrix.identity(size)
        // X (I + Q) = I − Q is (I + Q)ᵀ Xᵀ = (I − Q)ᵀ, and a transposed Q is −Q.
        return unit.adding(self, times: -1).solving(unit.adding(self)).transposed
    }

    /// The solution X of self · X = other, by Gaussian elimination with the largest pivot of each column.
    private func solving(_ other: SquareMatrix) -> SquareMatrix {
        var (left, right) = (self, other)
        for pivot in 0..<size {
            let best = (pivot..<size).max { abs(left[$0, pivot]) < abs(left[$1, pivot]) } ?? pivot
            left.exchange(pivot, best)
            right.exchange(pivot, best)
            for row in 0..<size where row != pivot {
                let factor = left[row, pivot] / left[pivot, pivot]
                guard factor != 0 else { continue }
                left.subtract(pivot, times: factor, from: row)
                right.subtract(pivot, times: factor, from: row)
            }
        }
        for row in 0..<size {
            let pivot = left[row, row]
            for column in 0..<size { right[row, column] /= pivot }
        }
        return right
    }

    private mutating func exchange(_ first: Int, _ second: Int) {
        guard first != second else { return }
        for column in 0..<size {
            values.swapAt(first * size + column, second * size + column)
        }
    }

    private mutating func subtract(_ row: Int, times factor: Double, from other: Int) {
        for column in 0..<size { self[other, column] -= factor * self[row, column] }
    }
}
