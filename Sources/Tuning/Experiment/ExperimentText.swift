import Formats
import Transformer

/// Windows of prose, drawn at random: some to match strengths on, others to report perplexity on.
struct ExperimentText {
    let matching: [[Int]]
    let reported: [[Int]]

    /// - Parameter texts: the tokens of each file, which are cut into windows of their own.
    /// - Throws: `ExperimentError.shortText` where there are too few windows.
    init(_ texts: [(file: String, tokens: [Int])], _ options: ExperimentOptions)
        throws(ExperimentError)
    {
        let length = options.windowTokens
        let all = texts.flatMap { text in
            (0..<text.tokens.count / length).map { index in
                Array(text.tokens[(index * length)..<((index + 1) * length)])
            }
        }
        func count(_ tokens: Int) -> Int { (tokens + length - 1) / length }
        let (first, second) = (count(options.matchingTokens), count(options.textTokens))
        guard all.count >= first + second else {
            throw .shortText(
                file: texts.map(\.file).joined(separator: ", "), tokens: all.count * length,
                needed: (first + second) * length)
        }
        var order = SeededOrder(count: all.count, seed: options.seed, stream: 3)
        let drawn = (0..<first + second).map { order.index(at: $0) }
        matching = drawn[..<first].map { all[$0] }
        reported = drawn[first...].map { all[$0] }
    }

    /// The windows of the report that one seed of a condition reads, so that all its seeds read all of them together.
    func part(of seed: Int, seeds: Int) -> [Int] {
        reported.indices.filter { $0 % seeds == seed }
    }

    /// Tells these windows from others.
    var hash: String {
        var hash = SHA256()
        (matching + reported).flatMap { $0 }.withUnsafeBytes { hash.update($0) }
        return hash.hexDigest()
    }
}
