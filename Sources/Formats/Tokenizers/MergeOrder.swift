/// Finds the merges that make byte-pair encoding by rank equal to SentencePiece's encoding by score.
///
/// Every way to put a token together from two others is a merge, ranked by the token's score. SentencePiece takes of
/// two equal scores the leftmost, which no order of ranks can say in general: equal scores are refused where both
/// tokens, made by merges, share a scalar and may thus overlap. Runs of one scalar are let through, for Llama's
/// vocabulary has runs of spaces of one score: with the longest left side first they grow from the left by rank as well.
struct MergeOrder {
    /// Longer tokens would take quadratic time; published ones stay below 100 bytes.
    private static let lengthLimit = 1024

    private let tokens: ByteStringList
    private let kinds: [TokenizerDefinition.TokenKind]
    private let scores: [Float]
    private let file: String

    init(_ definition: TokenizerDefinition, scores: [Float], file: String) {
        tokens = definition.tokens
        kinds = definition.kinds
        self.scores = scores
        self.file = file
    }

    /// The merges, most preferred first.
    ///
    /// - Throws: `TokenizerError.unsupported` where two tokens that merges make have the same score, `.tokenTooLong`.
    func merges() throws(TokenizerError) -> [TokenMerge] {
        let index = TokenIndex(tokens)
        let candidates = tokens.indices.filter { kinds[$0] == .normal }
            .sorted { scores[$0] > scores[$1] }
        var merges: [TokenMerge] = []
        // The merges that make tokens of one score, and for each scalar of these tokens the first that has it.
        var tied: [TokenMerge] = []
        var owners: [Unicode.Scalar: Int] = [:]
        var score: Float?
        for id in candidates {
            let found = try ways(to: id, index)
            guard !found.isEmpty else { continue }
            if scores[id] != score {
                merges += longestLeftFirst(tied)
                (tied, owners, score) = ([], [:], scores[id])
            }
            for scalar in tokens.text(id).unicodeScalars {
                if let owner = owners[scalar], owner != id, !isRun(owner) || !isRun(id) {
                    throw tie(owner, id)
                }
                owners[scalar] = owners[scalar] ?? id
            }
            tied += found
        }
        return merges + longestLeftFirst(tied)
    }

    private func tie(_ first: Int, _ second: Int) -> TokenizerError {
        .unsupported(
            file: file, key: GGUFTokenizerKey.scores,
            found:
                "\(scores[first]) for both '\(tokens.text(first))' and '\(tokens.text(second))', which leaves their merges without an order",
            supported: "different scores")
    }

    /// Whether a token is one scalar again and again.
    private func isRun(_ id: Int) -> Bool {
        let scalars = tokens.text(id).unicodeScalars
        return scalars.allSatisfy { $0 == scalars.first }
    }

    private func longestLeftFirst(_ merges: [TokenMerge]) -> [TokenMerge] {
        func length(_ id: Int32) -> Int { tokens[Int(id)].count }
        return merges.sorted {
            (length($0.left), length($0.right)) > (length($1.left), length($1.right))
        }
    }

    /// The ways to put a token together from two others.
    private func ways(to id: Int, _ index: TokenIndex) throws(TokenizerError) -> [TokenMerge] {
        try splits(of: id, index).compactMap { left, right in
            guard let left, let right else { return nil }
            return TokenMerge(left: Int32(left), right: Int32(right), result: Int32(id))
        }
    }

    // MARK: - What merges cannot say

    /// How many tokens scores let a text become in ways that merges cannot say: put together from a scalar that is no
    /// token, or by way of an unused token.
    var hiddenTokens: Int {
        let index = TokenIndex(tokens)
        return tokens.indices.count { id in
            guard kinds[id] == .normal || kinds[id] == .unused,
                let splits = try? splits(of: id, index), !splits.isEmpty
            else { return false }
            return kinds[id] == .unused || splits.contains { $0.left == nil || $0.right == nil }
        }
    }

    /// The pairs of neighbours whose texts joined are the token; nil stands for a side that no merge can name.
    private func splits(of id: Int, _ index: TokenIndex) throws(TokenizerError) -> [(
        left: Int?, right: Int?
    )] {
        let token = tokens[id]
        guard token.count <= Self.lengthLimit else {
            throw .tokenTooLong(
                token: tokens.text(id), id: id, bytes: token.count, limit: Self.lengthLimit)
        }
        var splits: [(left: Int?, right: Int?)] = []
        for place in token.indices.dropFirst() where token[place] & 0xC0 != 0x80 {
            guard let left = side(token[..<place], index), let right = side(token[place...], index)
            else { continue }
            splits.append((left.id, right.id))
        }
        return splits
    }

    /// A side of a merge: a token that a text can become, or a scalar; nil for other texts.
    private func side(_ text: ArraySlice<UInt8>, _ index: TokenIndex) -> (id: Int?, Void)? {
        let isScalar = !text.dropFirst().contains { $0 & 0xC0 != 0x80 }
        guard let id = index.id(of: text) else { return isScalar ? (nil, ()) : nil }
        switch kinds[id] {
        case .normal: return (id, ())
        case .unused: return isScalar ? (id, ()) : (nil, ())
        // Added tokens are found before anything is merged.
        case .control, .userDefined, .unknown, .byte: return nil
        }
    }
}
