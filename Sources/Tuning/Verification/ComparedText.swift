import Formats
import Transformer

/// A text that two models are compared on, and how far it goes.
struct ComparedText {
    let tokens: [Int]
    /// Whether it is there for its length only; controls and greedy texts are not made of it.
    let isAddedForLength: Bool

    /// How far a text goes that is added without being asked for: longer ones take hours.
    static let automaticLength = 16_384
    /// Positions beyond the last number that matters.
    private static let margin = 32

    /// A number of a model that holds from some position on.
    struct Threshold {
        let name: String
        let position: Int
    }

    /// The numbers of a model that a shorter text never meets.
    static func thresholds(of numbers: Hyperparameters) -> [Threshold] {
        var found: [Threshold] = []
        if let window = numbers.shortestWindow {
            found.append(Threshold(name: "sliding window", position: window))
        }
        if let context = numbers.rope.scaling.stretchesAbove {
            found.append(
                Threshold(name: "rotary scaling's original context", position: context))
        }
        if numbers.queryGrowth != nil, case .yarn(let yarn) = numbers.rope.scaling {
            found.append(Threshold(name: "growth of queries", position: yarn.originalContext))
        }
        return found
    }

    /// What is compared: every prompt as a whole, and where a model has a number that only holds from some position on, a
    /// text that passes it.
    ///
    /// - Parameters:
    ///   - prompts: tokens of each prompt
    ///   - limit: the most positions of a text; nil for all, and for an added text up to `automaticLength`
    ///   - models: the configurations of both models
    /// - Returns: the texts, and what none of them reaches, in words.
    static func all(
        _ prompts: [[Int]], limit: Int?, models: [DecoderConfiguration]
    ) -> (texts: [ComparedText], unreached: [String]) {
        var texts = prompts.map { prompt in
            ComparedText(
                tokens: Array(prompt.prefix(limit ?? prompt.count)), isAddedForLength: false)
        }
        let longest = texts.map(\.tokens.count).max() ?? 0
        let possible = models.map(\.positionLimit).min() ?? 0
        let thresholds = models.flatMap { Self.thresholds(of: $0.sizes) }
        let ahead = thresholds.filter { $0.position < possible && $0.position >= longest }
        let reachable = ahead.filter { $0.position < limit ?? automaticLength }
        if let last = reachable.map(\.position).max() {
            let length = min(last + margin, possible, limit ?? .max)
            texts.append(
                ComparedText(tokens: cycle(prompts, length), isAddedForLength: true))
        }
        let unreached = ahead.filter { $0.position >= limit ?? automaticLength }.map {
            "beyond position \($0.position) (\($0.name))"
        }
        return (texts, Array(Set(unreached)).sorted())
    }

    /// The prompts one after the other, again and again.
    private static func cycle(_ prompts: [[Int]], _ length: Int) -> [Int] {
        let all = prompts.flatMap { $0 }
        return (0..<length).map { all[$0 % all.count] }
    }
}
