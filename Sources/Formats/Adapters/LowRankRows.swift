extension LowRankUpdate {
    /// Adds scale · B_row · A to a row of the weight. Sums are taken in the order of the ranks, and scaled at their end.
    ///
    /// - Parameter sums: memory of the row's length that is overwritten.
    /// - Precondition: row < outputs; both buffers hold `inputs` values.
    func add(
        row: Int, to values: UnsafeMutableBufferPointer<Float>,
        sums: UnsafeMutableBufferPointer<Float>
    ) {
        precondition(values.count == inputs && sums.count == inputs && row < outputs)
        sums.update(repeating: 0)
        a.withUnsafeBufferPointer { a in
            for step in 0..<rank {
                let factor = b[row * rank + step]
                let first = step * values.count
                for column in 0..<values.count { sums[column] += factor * a[first + column] }
            }
        }
        for column in 0..<values.count { values[column] += scale * sums[column] }
    }
}
