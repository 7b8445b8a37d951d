import Transformer

extension Extraction {
    /// A pair's two sides.
    package typealias Pair = (positive: TokenSequence, negative: TokenSequence)

    /// The pairs whose sides are the same up to the tokens compared, so that whatever differs is rounding: those with
    /// equal tokens, as where a chat template leaves out the system text that should tell them apart, and those that
    /// differ only further on, which a token cannot know.
    ///
    /// - Throws: `PromptError.noSuchToken` where a side has no such token.
    package static func identicalPairs(
        _ prompts: [Pair], at position: Position
    ) throws(PromptError) -> [Int] {
        var found: [Int] = []
        for (index, pair) in prompts.enumerated() {
            let ranges = (
                try pair.positive.range(of: position), try pair.negative.range(of: position)
            )
            let end = ranges.0.upperBound
            if ranges.0 == ranges.1, pair.positive.tokens[..<end] == pair.negative.tokens[..<end] {
                found.append(index)
            }
        }
        return found
    }

    /// The pairs that differ at a position.
    ///
    /// - Throws: `ExtractionError.identicalPairs` where there is none; as `identicalPairs`.
    static func distinctPairs(_ prompts: [Pair], at position: Position) throws -> [Int] {
        let identical = Set(try identicalPairs(prompts, at: position))
        guard identical.count < prompts.count else {
            throw ExtractionError.identicalPairs(
                pairs: prompts.count, position: position, place: prompts.first?.positive.place ?? ""
            )
        }
        return prompts.indices.filter { !identical.contains($0) }
    }

    /// For each pair the number of its group: pairs from one line of a file are of one statement, and pairs of the same
    /// tokens are one pair. A direction that judges a pair must not know another of its group.
    static func groups(of prompts: [Pair]) -> [Int] {
        struct Tokens: Hashable {
            let positive: [Int]
            let negative: [Int]
        }
        var byPlace: [String: Int] = [:]
        var byTokens: [Tokens: Int] = [:]
        var count = 0
        return prompts.map { pair in
            let tokens = Tokens(positive: pair.positive.tokens, negative: pair.negative.tokens)
            let place = pair.positive.place
            let group = byPlace[place] ?? byTokens[tokens] ?? count
            if group == count { count += 1 }
            byPlace[place] = group
            byTokens[tokens] = byTokens[tokens] ?? group
            return group
        }
    }
}

/// How large rounding is in what a model computes.
enum RoundingFloor {
    /// A stream's values differ by up to 2.4e-5 of their size with their place in a batch and the kernel that multiplies:
    /// 256 steps of f32.
    static let share = 256 * Double(Float.ulpOfOne)

    /// The length that a difference of two streams can have by rounding alone.
    static func length(streamNorm: Double) -> Double { streamNorm * share }
}
