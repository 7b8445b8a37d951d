import Glibc

/// Powers summed in f32 before they are added in f64: a row of a large vocabulary loses no digits.
private let powersPerPart = 1024

/// log Σ e^x over a row of logits. A logit less this is a log probability.
///
/// - Precondition: the row is not empty. Entries may be −∞, but not all of them.
package func logSumExpForward(_ row: Span<Float>) -> Double {
    row.withUnsafeBufferPointer { row in
        guard let start = row.baseAddress else { preconditionFailure("an empty row") }
        return logSumExpForward(start, count: row.count)
    }
}

private func logSumExpForward(_ row: UnsafePointer<Float>, count: Int) -> Double {
    let most = largest(row, count: count)
    var sum = 0.0
    for first in stride(from: 0, to: count, by: powersPerPart) {
        let end = min(count, first + powersPerPart)
        var lanes = SIMD8<Float>.zero
        var index = first
        while index + 8 <= end {
            lanes += exponential(row.load8(index) - most)
            index += 8
        }
        sum += Double(lanes.sum())
        while index < end {
            sum += Double(exponential(row[index] - most))
            index += 1
        }
    }
    return Double(most) + log(sum)
}

/// The Kullback–Leibler divergences of two rows of logits as distributions p and q, in nats.
///
/// KL(p ‖ q) = Σ p (log p − log q); tokens that p rules out (logit −∞) add nothing, one that q alone rules out makes it
/// infinite. Rounding leaves about 10⁻⁷; equal rows give 0.
///
/// - Returns: KL(p ‖ q) and KL(q ‖ p), not below 0; infinity where a logit is NaN.
/// - Precondition: the rows are equally long and not empty. In neither may all entries be −∞.
package func divergenceForward(
    _ p: Span<Float>, _ q: Span<Float>
) -> (forward: Double, reverse: Double) {
    precondition(p.count == q.count)
    return p.withUnsafeBufferPointer { p in
        q.withUnsafeBufferPointer { q in
            guard let left = p.baseAddress, let right = q.baseAddress else {
                preconditionFailure("an empty row")
            }
            return divergenceForward(left, right, count: p.count)
        }
    }
}

private func divergenceForward(
    _ p: UnsafePointer<Float>, _ q: UnsafePointer<Float>, count: Int
) -> (forward: Double, reverse: Double) {
    let (pShift, qShift) = (logSumExpForward(p, count: count), logSumExpForward(q, count: count))
    let parts = DivergenceParts(
        pShift: Float(pShift), qShift: Float(qShift), distance: Float(pShift - qShift))
    var (forward, reverse) = (0.0, 0.0)
    for first in stride(from: 0, to: count, by: powersPerPart) {
        let end = min(count, first + powersPerPart)
        var sums = (SIMD8<Float>.zero, SIMD8<Float>.zero)
        var index = first
        while index + 8 <= end {
            parts.add(p.load8(index), q.load8(index), to: &sums)
            index += 8
        }
        if index < end {
            // Lanes without an entry are tokens that both rule out.
            var (left, right) = (noTokens, noTokens)
            for lane in 0..<(end - index) {
                left[lane] = p[index + lane]
                right[lane] = q[index + lane]
            }
            parts.add(left, right, to: &sums)
        }
        forward += Double(sums.0.sum())
        reverse += Double(sums.1.sum())
    }
    func checked(_ value: Double) -> Double { value.isNaN ? .infinity : max(value, 0) }
    return (checked(forward), checked(reverse))
}

private let noTokens = SIMD8<Float>(repeating: -.infinity)

/// What is the same for all entries of two rows.
private struct DivergenceParts {
    let pShift: Float
    let qShift: Float
    /// pShift − qShift, taken before rounding.
    let distance: Float

    /// Adds p (log p − log q) and q (log q − log p). The logits are subtracted from each other first: equal ones
    /// leave no rounding.
    @inline(__always)
    func add(
        _ left: SIMD8<Float>, _ right: SIMD8<Float>, to sums: inout (SIMD8<Float>, SIMD8<Float>)
    ) {
        let (p, q) = (exponential(left - pShift), exponential(right - qShift))
        let difference = left - right - distance
        sums.0 += (p * difference).replacing(with: 0, where: p .== 0)
        sums.1 -= (q * difference).replacing(with: 0, where: q .== 0)
    }
}

/// The index of the largest entry of a row, the first of equal ones; 0 where none is a number.
///
package func indexOfLargest(_ row: Span<Float>) -> Int {
    row.withUnsafeBufferPointer { row in
        guard let start = row.baseAddress else { return 0 }
        let most = largest(start, count: row.count)
        return row.firstIndex(of: most) ?? 0
    }
}
