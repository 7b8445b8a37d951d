/// Groups sequences into passes of a decoder: packed together, short ones share matrix products.
enum PassPlan {
    /// Tokens that one pass takes at most, unless a single sequence is longer.
    static let tokensPerPass = 2048

    /// Consecutive sequences of these lengths that fit a pass together.
    static func passes(_ lengths: [Int], limit: Int = tokensPerPass) -> [Range<Int>] {
        var passes: [Range<Int>] = []
        var start = 0
        var tokens = 0
        for (index, length) in lengths.enumerated() {
            if index > start, tokens + length > limit {
                passes.append(start..<index)
                (start, tokens) = (index, 0)
            }
            tokens += length
        }
        if start < lengths.count { passes.append(start..<lengths.count) }
        return passes
    }
}
