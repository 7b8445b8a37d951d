/// A matrix whose rows are known, or made of two factors when they are asked for.
struct FactoredMatrix: Sendable {
    let rows: Int
    let columns: Int
    /// (rows, columns), or (rows, rank) of two factors
    private let left: [Float]
    /// (rank, columns)
    private let right: [Float]?

    init(_ values: [Float], rows: Int, columns: Int) {
        (self.rows, self.columns) = (rows, columns)
        (left, right) = (values, nil)
    }

    /// - Parameters:
    ///   - left: (rows, rank)
    ///   - right: (rank, columns)
    init(_ left: [Float], _ right: [Float], rows: Int, columns: Int) {
        (self.rows, self.columns) = (rows, columns)
        (self.left, self.right) = (left, right)
    }

    func row(_ row: Int) -> [Float] {
        guard let right else { return Array(left[(row * columns)..<((row + 1) * columns)]) }
        let rank = columns > 0 ? right.count / columns : 0
        var sums = [Float](repeating: 0, count: columns)
        for step in 0..<rank {
            let factor = left[row * rank + step]
            for column in 0..<columns { sums[column] += factor * right[step * columns + column] }
        }
        return sums
    }
}
