package import Formats

/// Which experts each token goes through, and with which shares (arXiv 2101.03961, 2401.04088).
///
/// A token's experts are those of its largest logits; of equal ones, those of the lower index. Their shares are the
/// softmax over all experts, taken at those, and divided by their sum where `Experts.normalizesShares` says so.
///
///     let routing = Routing(logits: logits, tokens: tokens, experts: experts)
///     for expert in 0..<experts.count { run(expert, on: routing.uses(of: expert)) }
package struct Routing: Sendable {
    /// One token's use of one expert.
    package struct Use: Sendable, Hashable {
        package let token: Int
        /// Where the use stands among the token's, the largest logit first.
        package let slot: Int
        /// What the expert's output is multiplied by.
        package let share: Float
    }

    package let tokens: Int
    private let experts: Experts
    private let usesOfExpert: [[Use]]
    /// (tokens, usedCount): the expert of each slot.
    private let chosen: [Int]
    /// (tokens, usedCount)
    private let shares: [Float]
    /// (tokens, experts): the softmax of the logits.
    private let probabilities: [Float]

    /// Routes tokens by a router's logits.
    ///
    /// - Parameters:
    ///   - logits: (tokens, experts)
    ///   - tokens: how many there are
    ///   - experts: the numbers of the mixture
    /// - Precondition: 1 ≤ usedCount ≤ count.
    package init(logits: UnsafePointer<Float>, tokens: Int, experts: Experts) {
        precondition(experts.usedCount >= 1 && experts.usedCount <= experts.count)
        var probabilities = Array(
            UnsafeBufferPointer(start: logits, count: tokens * experts.count))
        var uses = [[Use]](repeating: [], count: experts.count)
        var (chosen, shares): ([Int], [Float]) = ([], [])
        for token in 0..<tokens {
            let row = token * experts.count..<(token + 1) * experts.count
            let used = Self.largest(experts.usedCount, of: probabilities[row])
            probabilities.withUnsafeMutableBufferPointer { values in
                guard let start = values.baseAddress else { return }
                softmaxForward(start + row.lowerBound, count: experts.count)
            }
            let taken = used.map { probabilities[row.lowerBound + $0] }
            let divisor = experts.normalizesShares ? taken.reduce(0, +) : 1
            for (slot, expert) in used.enumerated() {
                let share = taken[slot] / divisor
                uses[expert].append(Use(token: token, slot: slot, share: share))
                chosen.append(expert)
                shares.append(share)
            }
        }
        self.tokens = tokens
        self.experts = experts
        self.usesOfExpert = uses
        self.chosen = chosen
        self.shares = shares
        self.probabilities = probabilities
    }

    /// The tokens that go through an expert, in their order.
    ///
    /// - Precondition: 0 ≤ expert < the count of experts.
    package func uses(of expert: Int) -> [Use] { usesOfExpert[expert] }

    /// The gradient of the router's logits from that of the shares.
    ///
    /// With p the softmax, S the used experts and g their shares' gradients, a logit's is p_i (g_i [i in S] − Σ_S p g);
    /// where shares are normalised, the same with shares for p, and 0 for experts that are not used.
    /// - Parameters:
    ///   - logitGradient: (tokens, experts), overwritten
    ///   - shareGradient: (tokens, usedCount), in the order of the slots
    package func backward(
        _ logitGradient: UnsafeMutablePointer<Float>, shareGradient: UnsafePointer<Float>
    ) {
        for token in 0..<tokens {
            let slots = token * experts.usedCount..<(token + 1) * experts.usedCount
            let row = token * experts.count
            let pull = slots.reduce(0) { $0 + shares[$1] * shareGradient[$1] }
            for expert in 0..<experts.count {
                logitGradient[row + expert] =
                    experts.normalizesShares ? 0 : -probabilities[row + expert] * pull
            }
            for slot in slots {
                logitGradient[row + chosen[slot]] = shares[slot] * (shareGradient[slot] - pull)
            }
        }
    }

    /// The indices of the largest values, the largest first; of equal ones, the lower index first.
    private static func largest(_ count: Int, of values: ArraySlice<Float>) -> [Int] {
        var indices: [Int] = []
        for (index, value) in values.enumerated() {
            var place = indices.count
            while place > 0, value > values[values.startIndex + indices[place - 1]] { place -= 1 }
            guard place < count else { continue }
            indices.insert(index, at: place)
            if indices.count > count { indices.removeLast() }
        }
        return indices
    }
}
