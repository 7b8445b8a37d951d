import Formats

/// Adds sums over rows, such as the gradients of a norm's weights, to their totals: the same bits for every crew,
/// because rows are taken in fixed parts, whose sums are added in their order.
///
/// - Parameters:
///   - totals: each (width), added to; nil where it is not wanted
///   - width: the length of every sum
///   - rows: how many rows there are
///   - crew: the threads that share the work
///   - body: adds some rows to sums of their own, nil where the total is
func addRowSums(
    to totals: [UnsafeMutablePointer<Float>?], width: Int, rows: Int, crew: WorkCrew,
    _ body: @Sendable (Range<Int>, _ sums: [UnsafeMutablePointer<Float>?]) -> Void
) {
    // Some microseconds of work, and never so many parts that their sums take much memory.
    let rowsPerPart = max(16, (rows + 63) / 64)
    let parts = (rows + rowsPerPart - 1) / rowsPerPart
    ScratchPool.shared.withFloats(totals.count * parts * width) { scratch in
        let (scratch, isWanted) = (Shared(scratch), totals.map { $0 != nil })
        @Sendable func partSum(_ index: Int, _ part: Int) -> UnsafeMutablePointer<Float> {
            scratch + (index * parts + part) * width
        }
        crew.run(parts) { part in
            let sums = isWanted.enumerated().map { index, isWanted in
                isWanted ? partSum(index, part) : nil
            }
            for sum in sums { sum?.update(repeating: 0, count: width) }
            body(part * rowsPerPart..<min(rows, (part + 1) * rowsPerPart), sums)
        }
        for (index, total) in totals.enumerated() {
            guard let total else { continue }
            for part in 0..<parts { addForward(total, partSum(index, part), count: width) }
        }
    }
}
