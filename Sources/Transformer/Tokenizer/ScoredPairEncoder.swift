import Formats

/// SentencePiece's byte-pair encoding: neighbours whose joined text is a token merge, the best score first, of equal
/// scores the leftmost.
///
/// A token that is marked unused may be a step towards another, but is never the result: it is taken apart again into
/// what it was merged from. The order of work is that of `BytePairEncoder`.
struct ScoredPairEncoder: PieceEncoder {
    private let index: TokenIndex
    private let kinds: [TokenizerDefinition.TokenKind]
    /// For each token its place in the order of merges; nil for tokens that no merge makes.
    private let ranks: [UInt32?]
    private let longestToken: Int
    private let byteTokens: [Int32]
    private let unknown: Int?

    private var starts: [Int] = []
    private var next: [Int] = []
    private var previous: [Int] = []
    private var pairRanks: [UInt32] = []
    private var heap = MergeHeap()
    /// Where the text of an unused token was put together, in bytes from its start.
    private var seams: [Int: Int] = [:]
    private static let noMerge = UInt32.max

    init(_ definition: TokenizerDefinition, scores: [Float]) {
        index = TokenIndex(definition.tokens)
        kinds = definition.kinds
        ranks = zip(scores, kinds).map { score, kind in
            kind == .normal || kind == .unused ? Self.rank(score) : nil
        }
        longestToken = definition.tokens.lazy.map(\.count).max() ?? 0
        byteTokens = definition.spelledByteTokens
        unknown = definition.unknown
    }

    /// A number that is the lower the better the score is.
    private static func rank(_ score: Float) -> UInt32 {
        let bits = (score == 0 ? 0 : score).bitPattern
        // Below the sign the bits of floating-point numbers are in the order of their values.
        return bits & 0x8000_0000 != 0 ? bits : 0x7FFF_FFFF - bits
    }

    mutating func encode(_ piece: ArraySlice<UInt8>, into output: inout [Int]) {
        fill(piece)
        for symbol in starts.indices.dropLast() { rate(symbol, piece) }
        while let (rank, symbol) = heap.popFirst() {
            // Entries whose pair has changed since are stale.
            guard pairRanks[symbol] == rank else { continue }
            merge(symbol, piece)
        }
        var symbol = 0
        var wasUnknown = false
        while symbol >= 0, symbol < starts.count {
            append(text(symbol, piece), to: &output, &wasUnknown)
            symbol = next[symbol]
        }
    }

    private mutating func fill(_ piece: ArraySlice<UInt8>) {
        starts.removeAll(keepingCapacity: true)
        seams.removeAll(keepingCapacity: true)
        var place = piece.startIndex
        while place < piece.endIndex {
            starts.append(place)
            place = ScalarScanner.scalarEnd(in: piece, at: place)
        }
        next = Array(1..<(starts.count + 1))
        next[starts.count - 1] = -1
        previous = Array(-1..<(starts.count - 1))
        pairRanks = Array(repeating: Self.noMerge, count: starts.count)
    }

    private func text(_ symbol: Int, _ piece: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let end = next[symbol] < 0 ? piece.endIndex : starts[next[symbol]]
        return piece[starts[symbol]..<end]
    }

    /// Looks up what the pair that starts at a symbol would become.
    private mutating func rate(_ symbol: Int, _ piece: ArraySlice<UInt8>) {
        pairRanks[symbol] = Self.noMerge
        let neighbour = next[symbol]
        guard neighbour >= 0 else { return }
        let joined = piece[starts[symbol]..<text(neighbour, piece).endIndex]
        guard joined.count <= longestToken, let id = index.id(of: joined), let rank = ranks[id]
        else { return }
        if kinds[id] == .unused { seams[id] = starts[neighbour] - starts[symbol] }
        pairRanks[symbol] = rank
        heap.insert(rank: rank, symbol: symbol)
    }

    private mutating func merge(_ symbol: Int, _ piece: ArraySlice<UInt8>) {
        let gone = next[symbol]
        next[symbol] = next[gone]
        pairRanks[gone] = Self.noMerge
        if next[gone] >= 0 { previous[next[gone]] = symbol }
        rate(symbol, piece)
        if previous[symbol] >= 0 { rate(previous[symbol], piece) }
    }

    /// Appends the tokens of a symbol's text: its own, those of its parts, or those of its bytes. Unknown scalars one
    /// after another are one token.
    private func append(
        _ text: ArraySlice<UInt8>, to output: inout [Int], _ wasUnknown: inout Bool
    ) {
        var parts = [text]
        while let part = parts.popLast() {
            let id = index.id(of: part).flatMap { ranks[$0] == nil ? nil : $0 }
            if let id, kinds[id] == .unused, let seam = seams[id] {
                parts.append(part.dropFirst(seam))
                parts.append(part.prefix(seam))
            } else if let id {
                output.append(id)
                wasUnknown = false
            } else if part.allSatisfy({ byteTokens[Int($0)] >= 0 }) {
                for byte in part { output.append(Int(byteTokens[Int(byte)])) }
                wasUnknown = false
            } else if let unknown, !wasUnknown {
                output.append(unknown)
                wasUnknown = true
            }
        }
    }
}
