import Glibc

/// Finds the strength at which a model costs a wanted amount: a bracketed secant, from a first guess, for a cost that is
/// 0 at strength 0 and rises about with its square.
struct StrengthMatch: Sendable, Hashable {
    /// The cost that is wanted: here the logarithm of a ratio of perplexities.
    let target: Double
    let tolerance: Double
    /// No strength beyond it is tried.
    let greatest: Double
    /// Measurements at most.
    let limit: Int

    init(target: Double, tolerance: Double, greatest: Double, limit: Int = 10) {
        self.target = target
        self.tolerance = tolerance
        self.greatest = greatest
        self.limit = limit
    }

    /// What was found.
    struct Result: Sendable, Hashable {
        let strength: Double
        let cost: Double
        /// Whether the cost is the one wanted; if not it is less at the greatest strength, or the search came to its end.
        let isReached: Bool
    }

    /// - Parameters:
    ///   - guess: where to begin.
    ///   - cost: measured at a strength; not finite counts as too much.
    func find(from guess: Double, _ cost: (Double) throws -> Double) rethrows -> Result {
        var below = (strength: 0.0, cost: 0.0)
        var above: (strength: Double, cost: Double)?
        var next = min(max(guess, greatest / 64), greatest)
        var best = Result(strength: 0, cost: 0, isReached: false)
        for _ in 0..<limit {
            let measured = try cost(next)
            let found = measured.isFinite ? measured : .infinity
            if abs(found - target) < abs(best.cost - target) {
                best = Result(
                    strength: next, cost: found, isReached: abs(found - target) <= tolerance)
            }
            if best.isReached { return best }
            if found < target {
                below = (next, found)
                if next >= greatest { return Result(strength: next, cost: found, isReached: false) }
            } else {
                above = (next, found)
            }
            next = step(below, above)
        }
        return best
    }

    private func step(
        _ below: (strength: Double, cost: Double), _ above: (strength: Double, cost: Double)?
    ) -> Double {
        guard let above else {
            // As the square, but no more than double.
            let factor = below.cost > 0 ? (target / below.cost).squareRoot() : 2
            return min(greatest, below.strength * min(max(factor, 1.02), 2))
        }
        let width = above.strength - below.strength
        let middle = below.strength + width / 2
        guard above.cost.isFinite else { return middle }
        // Between square roots the cost is about a straight line.
        let (low, high) = (max(below.cost, 0).squareRoot(), max(above.cost, 0).squareRoot())
        guard high > low else { return middle }
        let place = below.strength + width * (target.squareRoot() - low) / (high - low)
        return min(max(place, below.strength + width / 20), above.strength - width / 20)
    }
}
