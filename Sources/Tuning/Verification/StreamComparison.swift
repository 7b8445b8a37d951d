import Transformer

/// How far one trace is from another on the same tokens.
struct StreamComparison {
    /// One residual stream against the other.
    struct Block {
        /// The largest ‖Δ‖ / ‖reference‖ over the tokens.
        var largestRelative = 0.0
        /// ‖Δ‖ of every token.
        var distances: [Double] = []
        /// ‖reference‖ of every token.
        var lengths: [Double] = []

        /// The median of ‖Δ‖ over the tokens: a few tokens, the first above all, have streams so large that their
        /// rounding alone would hide a small vector in a mean.
        var medianDistance: Double { Quantile.middle(of: distances) ?? 0 }
        var medianLength: Double { Quantile.middle(of: lengths) ?? 0 }
    }

    /// By block: the stream after it.
    private(set) var blocks: [Block]
    private(set) var logits = LogitComparison()

    init(blockCount: Int) {
        blocks = [Block](repeating: Block(), count: blockCount)
    }

    /// Adds what two traces of the same tokens differ by.
    mutating func add(reference: Trace, other: Trace) {
        for index in blocks.indices {
            guard let left = reference["resid_post.\(index)"],
                let right = other["resid_post.\(index)"]
            else { continue }
            for row in 0..<left.rows {
                let range = (row * left.columns)..<((row + 1) * left.columns)
                var difference = 0.0
                var size = 0.0
                for place in range {
                    let delta = Double(left.values[place]) - Double(right.values[place])
                    difference += delta * delta
                    size += Double(left.values[place]) * Double(left.values[place])
                }
                blocks[index].lengths.append(size.squareRoot())
                blocks[index].distances.append(
                    difference.isNaN ? .infinity : difference.squareRoot())
                let relative = (difference / max(size, .leastNormalMagnitude)).squareRoot()
                blocks[index].largestRelative = max(
                    blocks[index].largestRelative, relative.isNaN ? .infinity : relative)
            }
        }
        guard let left = reference["logits"], let right = other["logits"] else { return }
        for row in 0..<left.rows {
            let range = (row * left.columns)..<((row + 1) * left.columns)
            logits.add(reference: left.values[range], other: right.values[range])
        }
    }
}

/// How far one model's logits are from another's, over positions.
package struct LogitComparison: Sendable {
    /// The largest |Δ| of any logit.
    package private(set) var largestDifference = 0.0
    /// The largest |logit| of the reference.
    package private(set) var largestLogit = 0.0
    /// Σ Δ² over all logits.
    private(set) var squaredDifference = 0.0
    private var divergences: [Double] = []
    private var agreements = 0

    package var positions: Int { divergences.count }
    package var relative: Double { largestDifference / max(largestLogit, .leastNormalMagnitude) }
    /// Share of positions with the same most likely token.
    package var topAgreement: Double { Double(agreements) / Double(max(positions, 1)) }
    /// KL(reference ‖ other) in nats, from f64 log-softmax, over positions.
    package var meanDivergence: Double { Statistics.mean(divergences) }
    package var largestDivergence: Double { divergences.max() ?? 0 }
    /// The 95th percentile, by the same rule as everywhere (`Quantile`).
    package var percentile95: Double { Quantile.of(sorted: divergences.sorted(), 0.95) }

    /// Adds one position.
    mutating func add(reference: ArraySlice<Float>, other: ArraySlice<Float>) {
        let left = LogProbabilities.of(reference)
        let right = LogProbabilities.of(other)
        divergences.append(LogProbabilities.divergence(left, right))
        var bestLeft = 0
        var bestRight = 0
        for index in left.indices {
            if left[index] > left[bestLeft] { bestLeft = index }
            if right[index] > right[bestRight] { bestRight = index }
        }
        if bestLeft == bestRight { agreements += 1 }
        for (a, b) in zip(reference, other) {
            let delta = abs(Double(a) - Double(b))
            largestDifference = max(largestDifference, delta.isNaN ? .infinity : delta)
            largestLogit = max(largestLogit, abs(Double(a)))
            squaredDifference += delta * delta
        }
    }
}
