package import Formats
import Glibc

/// How the next token is chosen.
package struct SamplingOptions: Sendable, Hashable {
    /// 0 takes the most likely token; 1 samples from the model's own distribution.
    package var temperature: Double
    /// Keeps only this many of the most likely tokens; 0 keeps all.
    package var topK: Int
    /// Keeps the fewest most likely tokens whose probabilities reach this sum; 1 keeps all.
    package var topP: Double
    package var seed: UInt64

    package init(temperature: Double = 0, topK: Int = 0, topP: Double = 1, seed: UInt64 = 0) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.seed = seed
    }
}

/// Why no token could be chosen.
package enum SamplingError: Failure, Equatable {
    /// A sampling option is out of its range.
    case badOption(name: String, value: String, rule: String)
    /// Every logit is NaN or minus infinity.
    case noLikelyToken(vocabularySize: Int)

    package var kind: FailureKind {
        switch self {
        case .badOption: .usage
        case .noLikelyToken: .input
        }
    }

    package var description: String {
        switch self {
        case .badOption(let name, let value, let rule):
            "\(name) is \(value), but must be \(rule)"
        case .noLikelyToken(let vocabularySize):
            "none of the model's \(vocabularySize) logits is a number: its weights or the steering are out of range"
        }
    }
}

/// Chooses tokens from logits; the same options and logits always give the same tokens.
///
/// As in transformers: logits are divided by the temperature, then cut to the top k, then to the top p of
/// what is left. Equal logits are ordered by lower id.
package struct Sampler: Sendable {
    private let options: SamplingOptions
    private var random: Xoshiro256

    /// - Throws: `SamplingError.badOption` for a temperature below 0, a top-k below 0, a top-p outside (0, 1].
    package init(_ options: SamplingOptions) throws(SamplingError) {
        guard options.temperature.isFinite, options.temperature >= 0 else {
            throw .badOption(
                name: "temperature", value: "\(options.temperature)", rule: "a number of at least 0"
            )
        }
        guard options.topK >= 0 else {
            throw .badOption(name: "top-k", value: "\(options.topK)", rule: "at least 0")
        }
        guard options.topP > 0, options.topP <= 1 else {
            throw .badOption(name: "top-p", value: "\(options.topP)", rule: "above 0 and at most 1")
        }
        self.options = options
        random = Xoshiro256(seed: options.seed)
    }

    /// The next token's id.
    ///
    /// - Throws: `SamplingError.noLikelyToken` where no logit is a number.
    package mutating func choose(from logits: Span<Float>) throws(SamplingError) -> Int {
        guard let best = Self.mostLikely(logits) else {
            throw .noLikelyToken(vocabularySize: logits.count)
        }
        guard options.temperature > 0, logits[best] < .infinity else { return best }
        let candidates = cut(candidates(logits, maximum: logits[best]))
        var remaining = random.nextUnit() * candidates.reduce(0) { $0 + $1.weight }
        for candidate in candidates {
            remaining -= candidate.weight
            if remaining < 0 { return candidate.token }
        }
        return candidates.last?.token ?? best
    }

    /// The id of the largest logit, the lowest of equals; nil where none is a number above minus infinity.
    package static func mostLikely(_ logits: Span<Float>) -> Int? {
        var (best, largest) = (-1, -Float.infinity)
        for token in logits.indices where logits[token] > largest {
            (best, largest) = (token, logits[token])
        }
        return best < 0 ? nil : best
    }

    /// Every token that can be chosen, by id.
    private func candidates(_ logits: Span<Float>, maximum: Float) -> [Candidate] {
        var candidates: [Candidate] = []
        candidates.reserveCapacity(logits.count)
        for token in logits.indices where logits[token] > -.infinity {
            let distance = Double(logits[token]) - Double(maximum)
            candidates.append(
                Candidate(
                    token: token, logit: logits[token], weight: exp(distance / options.temperature))
            )
        }
        return candidates
    }

    /// The most likely candidates that the options keep, most likely first; all by id where they keep all.
    private func cut(_ candidates: [Candidate]) -> [Candidate] {
        let count = options.topK > 0 ? min(options.topK, candidates.count) : candidates.count
        guard count < candidates.count || options.topP < 1 else { return candidates }
        var queue = CandidateQueue(candidates)
        var kept: [Candidate] = []
        if count < candidates.count {
            while kept.count < count, let next = queue.popMostLikely() { kept.append(next) }
            queue = CandidateQueue(kept)
        }
        guard options.topP < 1 else { return kept }
        let wanted = options.topP * queue.totalWeight
        kept = []
        var sum = 0.0
        while sum < wanted || kept.isEmpty, let next = queue.popMostLikely() {
            kept.append(next)
            sum += next.weight
        }
        return kept
    }
}

/// A token that may be chosen.
private struct Candidate {
    let token: Int
    let logit: Float
    /// Its probability, not normalised.
    let weight: Double

    func isLikelier(than other: Candidate) -> Bool {
        logit != other.logit ? logit > other.logit : token < other.token
    }
}

/// A binary heap of candidates: only those that are kept are ever put in order.
private struct CandidateQueue {
    /// The children of `heap[i]`, at 2i + 1 and 2i + 2, are not likelier than it.
    private var heap: [Candidate]

    init(_ candidates: [Candidate]) {
        heap = candidates
        for index in (0..<heap.count / 2).reversed() { sink(index) }
    }

    var totalWeight: Double { heap.reduce(0) { $0 + $1.weight } }

    mutating func popMostLikely() -> Candidate? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            heap[0] = last
            sink(0)
        }
        return first
    }

    /// Swaps an element with its likeliest child until none is likelier.
    private mutating func sink(_ start: Int) {
        var index = start
        while true {
            var likeliest = index
            for child in 2 * index + 1...2 * index + 2
            where child < heap.count && heap[child].isLikelier(than: heap[likeliest]) {
                likeliest = child
            }
            guard likeliest != index else { return }
            heap.swapAt(index, likeliest)
            index = likeliest
        }
    }
}
