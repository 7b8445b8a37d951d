extension LowRankUpdate {
    /// A row of scale · B · A. Sums are taken in the order of the ranks, and scaled at their end.
    ///
    /// - Precondition: row < outputs; the buffer holds `inputs` values.
    func write(row: Int, to sums: UnsafeMutableBufferPointer<Float>) {
        precondition(sums.count == inputs && row < outputs)
        sums.update(repeating: 0)
        a.withUnsafeBufferPointer { a in
            for step in 0..<rank {
                let factor = b[row * rank + step]
                let first = step * sums.count
                for column in 0..<sums.count { sums[column] += factor * a[first + column] }
            }
        }
        for column in 0..<sums.count { sums[column] *= scale }
    }
}
