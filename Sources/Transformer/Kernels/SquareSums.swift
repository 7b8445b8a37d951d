package import Formats

/// Adds each column's sum of squares to its total: the same bits for every crew, because a column's squares are summed
/// in f64, in the order of the rows, and rounded once.
///
/// - Parameters:
///   - totals: (width), added to
///   - input: (rows, width)
///   - rows: how many rows there are
///   - width: how many columns
///   - crew: the threads that share the columns
package func addSquareSums(
    to totals: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, rows: Int, width: Int,
    crew: WorkCrew
) {
    let columnsPerPart = 64
    crew.run((width + columnsPerPart - 1) / columnsPerPart) {
        [totals = Shared(totals), input = Shared(input)] part in
        let first = part * columnsPerPart
        let count = min(columnsPerPart, width - first)
        withUnsafeTemporaryAllocation(of: Double.self, capacity: columnsPerPart) { sums in
            sums.initialize(repeating: 0)
            guard let sums = sums.baseAddress else { return }
            for row in 0..<rows {
                let values = input.pointer + row * width + first
                for column in 0..<count {
                    let value = Double(values[column])
                    sums[column] += value * value
                }
            }
            let totals = totals.pointer + first
            for column in 0..<count {
                totals[column] = Float(Double(totals[column]) + sums[column])
            }
        }
    }
}
