public import Formats
import Glibc

/// How the next token is chosen.
public struct SamplingOptions: Sendable, Hashable {
    /// 0 takes the most likely token; 1 samples from the model's own distribution.
    public var temperature: Double
    /// Keeps only this many of the most likely tokens; 0 keeps all.
    public var topK: Int
    /// Keeps the fewest most likely tokens whose probabilities reach this sum; 1 keeps all.
    public var topP: Double
    public var seed: UInt64

    public init(temperature: Double = 0, topK: Int = 0, topP: Double = 1, seed: UInt64 = 0) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.seed = seed
    }
}

/// Why no token could be chosen.
public enum SamplingError: Failure, Equatable {
    /// A sampling option is out of its range.
    case badOption(name: String, value: String, rule: String)
    /// Every logit is NaN or minus infinity.
    case noLikelyToken(vocabularySize: Int)

    public var kind: FailureKind {
        switch self {
        case .badOption: .usage
        case .noLikelyToken: .input
        }
    }

    public var description: String {
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
public struct Sampler: Sendable {
    private let options: SamplingOptions
    private var random: Xoshiro256

    /// - Throws: `SamplingError.badOption` for a temperature below 0, a top-k below 0, a top-p outside (0, 1].
    public init(_ options: SamplingOptions) throws(SamplingError) {
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
    public mutating func choose(from logits: Span<Float>) throws(SamplingError) -> Int {
        guard let best = Self.mostLikely(logits) else {
            throw .noLikelyToken(vocabularySize: logits.count)
        }
        guard options.temperature > 0, logits[best] < .infinity else { return best }
        let candidates = weighted(candidates(logits), maximum: logits[best])
        let total = candidates.reduce(0) { $0 + $1.weight }
        var remaining = random.nextUnit() * total
        for candidate in candidates {
            remaining -= candidate.weight
            if remaining < 0 { return candidate.token }
        }
        return candidates.last?.token ?? best
    }

    /// The id of the largest logit, the lowest of equals; nil where none is a number above minus infinity.
    public static func mostLikely(_ logits: Span<Float>) -> Int? {
        var (best, largest) = (-1, -Float.infinity)
        for token in logits.indices where logits[token] > largest {
            (best, largest) = (token, logits[token])
        }
        return best < 0 ? nil : best
    }

    /// The ids to choose from, most likely first where an option needs the order.
    private func candidates(_ logits: Span<Float>) -> [(token: Int, logit: Float)] {
        var candidates: [(token: Int, logit: Float)] = []
        candidates.reserveCapacity(logits.count)
        for token in logits.indices where logits[token] > -.infinity {
            candidates.append((token, logits[token]))
        }
        guard options.topK > 0 || options.topP < 1 else { return candidates }
        candidates.sort { $0.logit != $1.logit ? $0.logit > $1.logit : $0.token < $1.token }
        if options.topK > 0, options.topK < candidates.count {
            candidates.removeSubrange(options.topK...)
        }
        return candidates
    }

    /// The candidates' unnormalised probabilities, cut to the top p.
    private func weighted(
        _ candidates: [(token: Int, logit: Float)], maximum: Float
    ) -> [(token: Int, weight: Double)] {
        let weighted = candidates.map { candidate in
            let distance = Double(candidate.logit) - Double(maximum)
            return (token: candidate.token, weight: exp(distance / options.temperature))
        }
        guard options.topP < 1 else { return weighted }
        let wanted = options.topP * weighted.reduce(0) { $0 + $1.weight }
        var (sum, count) = (0.0, 0)
        while count < weighted.count, sum < wanted {
            sum += weighted[count].weight
            count += 1
        }
        return Array(weighted[..<max(count, 1)])
    }
}
