package import Formats

/// Which experts each token goes through, and with which shares (arXiv 2101.03961, 2401.04088).
///
/// Each expert has a score, the softmax or the sigmoid of the logits. A token's experts are those of its largest scores,
/// to which a bias may be added for that; of equal ones, those of the lower index. Their shares are their scores without
/// the bias, divided by their sum where `Experts.normalizesShares` says so, and multiplied by a scale.
///
///     let routing = Routing(logits: logits, tokens: tokens, experts: experts)
///     for expert in 0..<experts.count { run(expert, on: routing.uses(of: expert)) }
package struct Routing: Sendable {
    /// One token's use of one expert.
    package struct Use: Sendable, Hashable {
        package let token: Int
        /// Where the use stands among the token's, the largest score first.
        package let slot: Int
        /// What the expert's output is multiplied by.
        package let share: Float
        /// The same before the expert's own scale.
        package let unscaledShare: Float
    }

    package let tokens: Int
    private let experts: Experts
    private let usesOfExpert: [[Use]]
    /// (tokens, usedCount): the expert of each slot.
    private let chosen: [Int]
    /// (tokens, usedCount)
    private let shares: [Float]
    /// (tokens, experts)
    private let scores: [Float]
    /// (tokens): what the scores were divided by.
    private let divisors: [Float]

    /// Routes tokens by a router's logits.
    ///
    /// - Parameters:
    ///   - logits: (tokens, experts)
    ///   - tokens: how many there are
    ///   - experts: the numbers of the mixture
    ///   - choiceBias: (experts), added to scores where experts are chosen; nil where there is none
    ///   - expertScales: (experts), by which shares are multiplied in the end; nil where there are none
    /// - Precondition: 1 ≤ usedCount ≤ count.
    package init(
        logits: UnsafePointer<Float>, tokens: Int, experts: Experts,
        choiceBias: UnsafePointer<Float>? = nil, expertScales: UnsafePointer<Float>? = nil
    ) {
        precondition(experts.usedCount >= 1 && experts.usedCount <= experts.count)
        var scores = Array(UnsafeBufferPointer(start: logits, count: tokens * experts.count))
        var uses = [[Use]](repeating: [], count: experts.count)
        var (chosen, shares, divisors): ([Int], [Float], [Float]) = ([], [], [])
        let scale = Float(experts.shareScale)
        for token in 0..<tokens {
            let row = token * experts.count..<(token + 1) * experts.count
            // Softmax and sigmoid keep the order, but may round two of them to one.
            let byLogits = choiceBias == nil ? Self.largest(experts.usedCount, of: scores[row]) : []
            Self.score(&scores, row, experts.scoring)
            let used =
                choiceBias.map { bias in
                    let biased = row.map { scores[$0] + bias[$0 - row.lowerBound] }
                    return Self.largest(experts.usedCount, of: biased[...])
                } ?? byLogits
            let taken = used.map { scores[row.lowerBound + $0] }
            let divisor = experts.normalizesShares ? Self.sum(taken, experts.scoring) : 1
            for (slot, expert) in used.enumerated() {
                let share = taken[slot] / divisor * scale
                let scaled = expertScales.map { share * $0[expert] } ?? share
                uses[expert].append(
                    Use(token: token, slot: slot, share: scaled, unscaledShare: share))
                chosen.append(expert)
                shares.append(share)
            }
            divisors.append(divisor)
        }
        self.tokens = tokens
        self.experts = experts
        self.usesOfExpert = uses
        self.chosen = chosen
        self.shares = shares
        self.scores = scores
        self.divisors = divisors
    }

    /// Turns a row of logits into scores.
    private static func score(
        _ values: inout [Float], _ row: Range<Int>, _ scoring: Experts.Scoring
    ) {
        switch scoring {
        case .softmax:
            values.withUnsafeMutableBufferPointer { values in
                guard let start = values.baseAddress else { return }
                softmaxForward(start + row.lowerBound, count: row.count)
            }
        case .sigmoid: for index in row { values[index] = sigmoidForward(values[index]) }
        }
    }

    /// What the scores taken are divided by to sum to 1.
    private static func sum(_ taken: [Float], _ scoring: Experts.Scoring) -> Float {
        let sum = taken.reduce(0, +)
        return if case .sigmoid(let epsilon) = scoring { sum + epsilon } else { sum }
    }

    /// The tokens that go through an expert, in their order.
    ///
    /// - Precondition: 0 ≤ expert < the count of experts.
    package func uses(of expert: Int) -> [Use] { usesOfExpert[expert] }

    /// The gradient of the router's logits from that of the shares, before experts' own scales.
    ///
    /// With p the softmax, c the scale, S the used experts, w their shares and g the shares' gradients, a logit's is
    /// w_i (g_i − Σ_S w g / c) for i in S, and −p_i Σ_S w g for others where shares are not normalised. With σ the
    /// sigmoid and d what scores are divided by, it is σ_i (1 − σ_i) (c g_i − Σ_S w g) / d, and σ_i (1 − σ_i) c g_i where
    /// shares are not normalised. A bias that chooses has none.
    /// - Parameters:
    ///   - logitGradient: (tokens, experts), overwritten
    ///   - shareGradient: (tokens, usedCount), in the order of the slots
    package func backward(
        _ logitGradient: UnsafeMutablePointer<Float>, shareGradient: UnsafePointer<Float>
    ) {
        let scale = Float(experts.shareScale)
        for token in 0..<tokens {
            let slots = token * experts.usedCount..<(token + 1) * experts.usedCount
            let row = token * experts.count
            let pull = slots.reduce(0) { $0 + shares[$1] * shareGradient[$1] }
            switch experts.scoring {
            case .softmax:
                for expert in 0..<experts.count {
                    logitGradient[row + expert] =
                        experts.normalizesShares ? 0 : -scores[row + expert] * pull
                }
                for slot in slots {
                    logitGradient[row + chosen[slot]] =
                        shares[slot] * (shareGradient[slot] - pull / scale)
                }
            case .sigmoid:
                (logitGradient + row).update(repeating: 0, count: experts.count)
                for slot in slots {
                    let score = scores[row + chosen[slot]]
                    let change =
                        scale * shareGradient[slot] - (experts.normalizesShares ? pull : 0)
                    logitGradient[row + chosen[slot]] =
                        score * (1 - score) * change / divisors[token]
                }
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
