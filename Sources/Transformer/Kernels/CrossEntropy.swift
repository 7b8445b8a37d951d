import Glibc

/// Cross-entropy of a softmax with target probabilities, and its gradient.
///
/// - Parameters:
///   - row: (count): logits, not all −∞; replaced by the loss's gradient times the weight, weight · (softmax · Σ p − p)
///   - count: how many logits there are, at least 1
///   - targets: tokens below `count`, with their probabilities p; others have none
///   - weight: what the gradient is multiplied by
/// - Returns: −Σ p log softmax, without the weight.
package func crossEntropyBackward(
    _ row: UnsafeMutablePointer<Float>, count: Int,
    targets: [(token: Int, probability: Float)], weight: Float
) -> Double {
    precondition(count >= 1 && targets.allSatisfy { (0..<count).contains($0.token) })
    let powers = SoftmaxPowers(row, count: count)
    var (loss, total) = (0.0, 0.0)
    for target in targets where target.probability != 0 {
        loss -= Double(target.probability) * powers.logarithm(of: row[target.token])
        total += Double(target.probability)
    }
    _ = exponentiate(row, minus: powers.most, count: count)
    scaleForward(row, by: Float(Double(weight) * total / powers.sum), count: count)
    for target in targets { row[target.token] -= weight * target.probability }
    return loss
}

/// The divergence of a softmax from that of a reference, and its gradient.
///
/// Written as Σ q (e^t − 1 − t) with t = log p − log q, whose terms are all positive: small divergences keep their
/// digits.
/// - Parameters:
///   - row: (count): logits of p, not all −∞; replaced by the gradient times the weight, weight · (p − q)
///   - reference: (count): logits of q, not all −∞
///   - count: how many logits there are, at least 1
///   - weight: what the gradient is multiplied by
/// - Returns: KL(q ‖ p) in nats, without the weight.
package func divergenceBackward(
    _ row: UnsafeMutablePointer<Float>, reference: UnsafePointer<Float>, count: Int, weight: Float
) -> Double {
    precondition(count >= 1)
    let pair = SoftmaxPair(row, reference, count: count)
    return pair.sum { index, lanes in
        let (p, q, t) = pair.shares(at: index, lanes)
        storeLanes((p - q) * weight, row + index, lanes)
        return divergence(p, q, logRatio: t)
    }
}

/// The divergence of a reference from a softmax, and its gradient.
///
/// Written as Σ p (e^−t − 1 + t) with t = log p − log q, whose terms are all positive.
/// - Parameters:
///   - row: (count): logits of p, not all −∞; replaced by the gradient times the weight, weight · p (t − KL)
///   - reference: (count): logits of q, not all −∞
///   - count: how many logits there are, at least 1
///   - weight: what the gradient is multiplied by
/// - Returns: KL(p ‖ q) in nats, without the weight.
package func reverseDivergenceBackward(
    _ row: UnsafeMutablePointer<Float>, reference: UnsafePointer<Float>, count: Int, weight: Float
) -> Double {
    precondition(count >= 1)
    let pair = SoftmaxPair(row, reference, count: count)
    let loss = pair.sum { index, lanes in
        let (p, q, t) = pair.shares(at: index, lanes)
        return divergence(q, p, logRatio: -t)
    }
    let mean = Float(loss)
    for index in stride(from: 0, to: count, by: 8) {
        let lanes = min(8, count - index)
        let (p, _, t) = pair.shares(at: index, lanes)
        let slope = (p * (t - mean)).replacing(with: 0, where: p .== 0)
        storeLanes(slope * weight, row + index, lanes)
    }
    return loss
}

/// q (e^t − 1 − t), with q e^t = p.
@inline(__always)
private func divergence(
    _ p: SIMD8<Float>, _ q: SIMD8<Float>, logRatio t: SIMD8<Float>
) -> SIMD8<Float> {
    // (e^t − 1 − t) / t² for small t; the terms left out are below 1e-8 of the sum.
    var series = t * (1 / 5040) + (1 / 720)
    series = series * t + (1 / 120)
    series = series * t + (1 / 24)
    series = series * t + (1 / 6)
    series = series * t + 0.5
    let isSmall = (t .< 0.25) .& (t .> -0.25)
    return (p - q - q * t).replacing(with: q * (series * (t * t)), where: isSmall)
        // Entries that q lacks have no finite t.
        .replacing(with: p, where: q .== 0)
}

/// The maximum of a row, and the sum of its powers relative to it.
private struct SoftmaxPowers {
    let most: Float
    let sum: Double

    /// Floats are summed up to this many at a time, blocks in Double.
    static let blockSize = 512

    init(_ row: UnsafePointer<Float>, count: Int) {
        most = largest(row, count: count)
        var sum = 0.0
        for first in stride(from: 0, to: count, by: Self.blockSize) {
            let end = min(count, first + Self.blockSize)
            var powers = SIMD8<Float>.zero
            for index in stride(from: first, to: end, by: 8) {
                powers += exponential(loadLanes(row + index, min(8, end - index)) - most)
            }
            sum += Double(powers.sum())
        }
        self.sum = sum
    }

    /// The logarithm of a logit's share.
    func logarithm(of logit: Float) -> Double { Double(logit) - Double(most) - log(sum) }

    @inline(__always)
    func share(of logits: SIMD8<Float>) -> SIMD8<Float> {
        exponential(logits - most) * Float(1 / sum)
    }
}

/// The shares of a row's logits beside those of a reference's.
private struct SoftmaxPair {
    private let row: UnsafePointer<Float>
    private let reference: UnsafePointer<Float>
    private let count: Int
    private let tuned: SoftmaxPowers
    private let base: SoftmaxPowers
    private let shift: Float
    private let sumRatio: Float

    init(_ row: UnsafePointer<Float>, _ reference: UnsafePointer<Float>, count: Int) {
        (self.row, self.reference, self.count) = (row, reference, count)
        tuned = SoftmaxPowers(row, count: count)
        base = SoftmaxPowers(reference, count: count)
        // In two steps: where logits have hardly moved, the first is exact.
        shift = tuned.most - base.most
        sumRatio = Float(log(tuned.sum / base.sum))
    }

    /// p of the row, q of the reference, and log p − log q.
    @inline(__always)
    func shares(
        at index: Int, _ lanes: Int
    ) -> (p: SIMD8<Float>, q: SIMD8<Float>, logRatio: SIMD8<Float>) {
        let (x, r) = (loadLanes(row + index, lanes), loadLanes(reference + index, lanes))
        return (tuned.share(of: x), base.share(of: r), x - r - shift - sumRatio)
    }

    /// The sum of a term over all logits, in blocks.
    @inline(__always)
    func sum(_ term: (_ index: Int, _ lanes: Int) -> SIMD8<Float>) -> Double {
        var total = 0.0
        for first in stride(from: 0, to: count, by: SoftmaxPowers.blockSize) {
            let end = min(count, first + SoftmaxPowers.blockSize)
            var terms = SIMD8<Float>.zero
            for index in stride(from: first, to: end, by: 8) {
                terms += term(index, min(8, end - index))
            }
            total += Double(terms.sum())
        }
        return total
    }
}

/// Up to eight logits; lanes beyond them are −∞.
@inline(__always)
private func loadLanes(_ start: UnsafePointer<Float>, _ count: Int) -> SIMD8<Float> {
    if count == 8 { return start.load8(0) }
    var lanes = SIMD8<Float>(repeating: -.infinity)
    for lane in 0..<count { lanes[lane] = start[lane] }
    return lanes
}

@inline(__always)
private func storeLanes(
    _ values: SIMD8<Float>, _ start: UnsafeMutablePointer<Float>, _ count: Int
) {
    if count == 8 { return start.store8(values, 0) }
    for lane in 0..<count { start[lane] = values[lane] }
}
