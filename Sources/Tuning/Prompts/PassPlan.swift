import Formats

/// Groups sequences into passes of a decoder: packed together, short ones share matrix products.
enum PassPlan {
    /// Tokens that one pass takes at most, unless a single sequence is longer.
    static let tokensPerPass = 2048

    /// Consecutive sequences of these lengths that fit a pass together.
    static func passes(_ lengths: [Int], limit: Int = tokensPerPass) -> [Range<Int>] {
        Packing.groups(lengths, limit: limit)
    }
}
