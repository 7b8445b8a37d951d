import Formats
import Transformer

/// Which token of a prompt stands for it.
public enum TokenChoice: Sendable, Hashable {
    case last
    /// The mean over all tokens.
    case mean
    /// A token by index; negative ones count from the end, −1 being the last.
    case index(Int)

    /// Reads `last`, `mean` or an integer; nil for anything else.
    public init?(_ text: String) {
        switch text {
        case "last": self = .last
        case "mean": self = .mean
        default:
            guard let index = Int(text) else { return nil }
            self = .index(index)
        }
    }

    /// The text that reads back as this choice.
    public var text: String {
        switch self {
        case .last: "last"
        case .mean: "mean"
        case .index(let index): String(index)
        }
    }

    /// The weight of each token in a prompt of `count` tokens, as a range and a factor.
    func tokens(of count: Int) -> Range<Int>? {
        switch self {
        case .last: return count - 1..<count
        case .mean: return 0..<count
        case .index(let index):
            let place = index < 0 ? count + index : index
            return (0..<count).contains(place) ? place..<place + 1 : nil
        }
    }
}

/// Runs prompts through a decoder and keeps one activation a prompt and block.
struct ActivationRecorder {
    let decoder: Decoder
    let site: Site
    let token: TokenChoice
    let blocks: [Int]

    /// Tokens that one pass takes at most; prompts are packed together up to it.
    private static let tokensPerPass = 2048

    /// The activations of every prompt in each of the blocks.
    ///
    /// - Parameter progress: called with the number of tokens done and in all.
    /// - Returns: (prompts, width) for each block.
    /// - Throws: `PromptError.tokenIndex` where a prompt has no such token; what the decoder throws.
    func activations(
        of prompts: [(tokens: [Int], place: String)], progress: (Int, Int) -> Void
    ) throws -> [Int: SampleMatrix] {
        let width = decoder.configuration.sizes.hiddenSize
        var places: [Int: Int] = [:]
        for (index, block) in blocks.enumerated() { places[block] = index }
        var samples = blocks.map { _ in SampleMatrix(width: width, rows: prompts.count) }
        let chosen = try prompts.map { prompt throws(PromptError) in
            guard let tokens = token.tokens(of: prompt.tokens.count) else {
                let index = if case .index(let index) = token { index } else { 0 }
                throw .tokenIndex(place: prompt.place, index: index, count: prompt.tokens.count)
            }
            return tokens
        }
        let total = prompts.reduce(0) { $0 + $1.tokens.count }
        var done = 0
        for pass in passes(prompts.map(\.tokens.count)) {
            let observer = StreamObserver(sites: [site], scope: token == .last ? .last : .all) {
                place, rows in
                guard let index = places[place.block] else { return }
                let prompt = pass.lowerBound + place.slice
                let wanted = chosen[prompt].clamped(to: place.tokens)
                guard !wanted.isEmpty else { return }
                rows.withUnsafeBufferPointer { rows in
                    for token in wanted {
                        let start = (token - place.tokens.lowerBound) * width
                        samples[index].add(
                            UnsafeBufferPointer(rebasing: rows[start..<(start + width)]),
                            times: 1 / Float(chosen[prompt].count), to: prompt)
                    }
                }
            }
            try decoder.forward(
                prompts[pass].map { DecoderSlice($0.tokens) }, stopAfterBlock: blocks.max(),
                observer: observer)
            done += prompts[pass].reduce(0) { $0 + $1.tokens.count }
            progress(done, total)
        }
        return Dictionary(uniqueKeysWithValues: zip(blocks, samples))
    }

    /// Consecutive prompts that fit a pass together.
    private func passes(_ lengths: [Int]) -> [Range<Int>] {
        var passes: [Range<Int>] = []
        var start = 0
        var tokens = 0
        for (index, length) in lengths.enumerated() {
            if index > start, tokens + length > Self.tokensPerPass {
                passes.append(start..<index)
                (start, tokens) = (index, 0)
            }
            tokens += length
        }
        if start < lengths.count { passes.append(start..<lengths.count) }
        return passes
    }
}
