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
        let token = tokens[id]
        guard token.count <= Self.lengthLimit else {
            throw .tokenTooLong(
                token: tokens.text(id), id: id, bytes: token.count, limit: Self.lengthLimit)
        }
        var merges: [TokenMerge] = []
        for place in token.indices.dropFirst() where token[place] & 0xC0 != 0x80 {
            guard let left = index.id(of: token[..<place]), kinds[left] == .normal,
                let right = index.id(of: token[place...]), kinds[right] == .normal
            else { continue }
            merges.append(TokenMerge(left: Int32(left), right: Int32(right), result: Int32(id)))
        }
        return merges
    }
}
