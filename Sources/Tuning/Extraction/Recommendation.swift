import Glibc

/// Where an extracted vector is worth trying first, and how strongly: a rule on what cross-validation found, which measures
/// nothing that the steered model does.
///
/// A block separates where its direction orders held-out pairs better than lots would (one-sided binomial test, 1 % over all
/// blocks). Of those the one with the largest Cohen's d leads, together with the neighbours whose d is nearly as large, at
/// most a quarter of the model's blocks. The last quarter counts only where nothing before it separates: a direction there
/// tells the texts apart, but few blocks are left that could act on it. The strength is what pushes the stream by
/// `RelativePush.usual` in all.
package struct Recommendation: Sendable, Hashable {
    /// Neighbours, ascending.
    package let blocks: [Int]
    /// The block that separates best, one of them.
    package let best: Int
    /// A multiple of the vector, of two significant digits.
    package let strength: Float
    /// What it pushes the stream by, in units of the stream's length.
    package let push: Double

    /// The least share of the best block's d that a neighbour has.
    package static let nearlyAsLarge = 0.8
    /// How probable an order of pairs at least as good may be by chance, over all blocks.
    package static let significance = 0.01

    /// Why nothing is recommended.
    package enum Refusal: Error, Sendable, Hashable {
        /// So few pairs would be ordered rightly by chance too often.
        case fewPairs(count: Int, needed: Int)
        /// The best block orders too few pairs rightly.
        case nothingSeparates(best: Int, right: Int, pairs: Int, needed: Int)
        /// The blocks are known, the stream's length there is not, as for latent vectors.
        case unknownNorm(blocks: [Int])
    }
}

extension Extraction {
    /// What to try first.
    ///
    /// - Parameter blockCount: of the model.
    package func recommendation(
        blockCount: Int
    ) -> Result<Recommendation, Recommendation.Refusal> {
        let judged = blocks.filter { $0.heldOut != nil }
        let needed = Self.rightNeeded(of: groupCount, blocks: max(judged.count, 1))
        guard groupCount >= PairCheck.fewest, needed <= groupCount, !judged.isEmpty else {
            let fewest = (PairCheck.fewest...).first {
                Self.rightNeeded(of: $0, blocks: max(judged.count, 1)) <= $0
            }
            return .failure(.fewPairs(count: groupCount, needed: fewest ?? groupCount + 1))
        }
        let separating = judged.filter { right(in: $0) >= needed && effect(of: $0) > 0 }
        let early = separating.filter { 4 * $0.block < 3 * blockCount }
        let candidates = early.isEmpty ? separating : early
        guard let best = candidates.max(by: { effect(of: $0) < effect(of: $1) }) else {
            return .failure(nothingSeparates(judged, needed: needed))
        }
        let run = Self.run(
            around: best.block,
            in: Set(
                candidates.filter {
                    effect(of: $0) >= Recommendation.nearlyAsLarge * effect(of: best)
                }.map(\.block)),
            effects: Dictionary(uniqueKeysWithValues: blocks.map { ($0.block, effect(of: $0)) }),
            longest: max(1, blockCount / 4))
        guard let whole = vector.relativePush(in: run), whole > 0 else {
            return .failure(.unknownNorm(blocks: run))
        }
        let strength = Self.rounded(RelativePush.usual / whole)
        return .success(
            Recommendation(
                blocks: run, best: best.block, strength: strength,
                push: Double(strength) * whole))
    }

    private func effect(of block: BlockResult) -> Double { block.heldOut?.effectSize ?? 0 }

    /// How many of the independent lines of pairs a block orders rightly.
    private func right(in block: BlockResult) -> Int {
        Int(((block.heldOut?.pairAccuracy ?? 0) * Double(groupCount) + 1e-9).rounded(.down))
    }

    private func nothingSeparates(
        _ judged: [BlockResult], needed: Int
    ) -> Recommendation.Refusal {
        let best = judged.max { right(in: $0) < right(in: $1) }
        return .nothingSeparates(
            best: best?.block ?? 0, right: best.map(right) ?? 0, pairs: groupCount, needed: needed)
    }

    /// The neighbours of a block that are in a set, grown toward the larger effect.
    private static func run(
        around block: Int, in allowed: Set<Int>, effects: [Int: Double], longest: Int
    ) -> [Int] {
        var (lower, upper) = (block, block)
        while upper - lower + 1 < longest {
            let next = [lower - 1, upper + 1].filter(allowed.contains)
                .max { effects[$0] ?? 0 < effects[$1] ?? 0 }
            guard let next else { break }
            (lower, upper) = (min(lower, next), max(upper, next))
        }
        return Array(lower...upper)
    }

    /// The fewest of some pairs that chance orders rightly no more often than the level over all blocks allows; one more
    /// than there are where even all may be chance.
    static func rightNeeded(of pairs: Int, blocks: Int) -> Int {
        let level = Recommendation.significance / Double(blocks)
        var tail = 0.0
        var right = pairs
        // log of the binomial coefficient over 2ⁿ, which itself is no double for many pairs.
        var logTerm = -Double(pairs) * log(2)
        while right > 0 {
            tail += exp(logTerm)
            if tail > level { return right + 1 }
            logTerm += log(Double(right)) - log(Double(pairs - right + 1))
            right -= 1
        }
        return 1
    }

    private static func rounded(_ strength: Double) -> Float {
        let step = pow(10, log10(strength).rounded(.down) - 1)
        return Float((strength / step).rounded() * step)
    }
}
