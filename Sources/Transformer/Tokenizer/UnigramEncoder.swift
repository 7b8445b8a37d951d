import Formats

/// Cuts a piece into the tokens whose scores have the greatest sum (the Viterbi algorithm over the places of the text;
/// Kudo 2018, https://arxiv.org/abs/1804.10959).
///
/// Of two equal sums the one found first holds, places from left to right and tokens from short to long, as in
/// SentencePiece. Takes O(text × longest token); tokens are at most `AddedTokens.lengthLimit` bytes long.
struct UnigramEncoder: PieceEncoder {
    private let table: PrefixTable
    private let rules: TokenizerModel.UnigramRules
    private let scores: [Double]
    private let index: TokenIndex
    private let byteTokens: [Int32]

    /// The best way to end at a place: the token's start and id, and the sum of scores so far.
    private struct Path {
        var start: Int
        /// nil for the unknown token.
        var id: Int?
        var sum: Double
    }

    private var paths: [Path?] = []

    /// - Throws: `TokenizerError.tokenTooLong`.
    init(_ definition: TokenizerDefinition, _ rules: TokenizerModel.UnigramRules)
        throws(TokenizerError)
    {
        self.rules = rules
        var entries: [(text: ArraySlice<UInt8>, id: Int)] = []
        for (id, score) in rules.scores.enumerated() where score != nil {
            let text = definition.tokens[id]
            guard text.count <= AddedTokens.lengthLimit else {
                throw .tokenTooLong(
                    token: definition.tokens.text(id), id: id, bytes: text.count,
                    limit: AddedTokens.lengthLimit)
            }
            entries.append((text, id))
        }
        table = PrefixTable(entries)
        scores = rules.scores.map { $0 ?? -.infinity }
        index = TokenIndex(definition.tokens)
        byteTokens = definition.spelledByteTokens
    }

    mutating func encode(_ piece: ArraySlice<UInt8>, into output: inout [Int]) {
        let text = Array(piece)
        findPaths(text)
        var tokens: [(range: Range<Int>, id: Int?)] = []
        var end = text.count
        while end > 0, let path = paths[end] {
            let isUnknown = path.id == nil || path.id == rules.unknown
            if isUnknown, let last = tokens.last, last.id == nil {
                tokens[tokens.count - 1].range = path.start..<last.range.upperBound
            } else {
                tokens.append((path.start..<end, isUnknown ? nil : path.id))
            }
            end = path.start
        }
        for token in tokens.reversed() {
            if let id = token.id {
                output.append(id)
            } else {
                append(text[token.range], to: &output)
            }
        }
    }

    /// A run of unknown scalars: a token after all, its bytes, or one unknown token.
    private func append(_ run: ArraySlice<UInt8>, to output: inout [Int]) {
        if let id = index.id(of: run), scores[id] > -.infinity {
            output.append(id)
        } else if rules.fallsBackToBytes, run.allSatisfy({ byteTokens[Int($0)] >= 0 }) {
            for byte in run { output.append(Int(byteTokens[Int(byte)])) }
        } else if let unknown = rules.unknown {
            output.append(unknown)
        }
    }

    private mutating func findPaths(_ text: [UInt8]) {
        paths.removeAll(keepingCapacity: true)
        paths.append(Path(start: 0, id: nil, sum: 0))
        paths += Array(repeating: nil, count: text.count)
        let table = table
        var place = 0
        while place < text.count {
            let sum = paths[place]?.sum ?? 0
            let scalarEnd = ScalarScanner.scalarEnd(in: text[...], at: place)
            var coversScalar = false
            table.forEachPrefix(of: text, from: place) { length, id in
                if place + length == scalarEnd { coversScalar = true }
                offer(Path(start: place, id: id, sum: sum + scores[id]), at: place + length)
            }
            if !coversScalar {
                offer(Path(start: place, id: nil, sum: sum + rules.unknownScore), at: scalarEnd)
            }
            place = scalarEnd
        }
    }

    private mutating func offer(_ path: Path, at end: Int) {
        if let best = paths[end], best.sum >= path.sum { return }
        paths[end] = path
    }
}
