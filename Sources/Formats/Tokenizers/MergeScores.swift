/// Gives tokens scores by which SentencePiece's encoding merges as merges with ranks do: a token's score falls with the
/// rank of the first merge that makes it.
///
/// Scores let any two neighbours merge whose joined text is a token. Where the merges have another way in mind,
/// `MergeAgreement` finds it.
enum MergeScores {
    /// The score of tokens that are found before anything is merged, as llama.cpp's converter has it.
    static let added: Float = -1000
    /// The score of entries that only fill the vocabulary up, as llama.cpp's converter has it.
    static let padding: Float = -10000

    /// One score for each token.
    static func scores(of merges: [TokenMerge], in definition: TokenizerDefinition) -> [Float] {
        var ranks: [Int32: Int] = [:]
        for (rank, merge) in merges.enumerated() where ranks[merge.result] == nil {
            ranks[merge.result] = rank
        }
        // What no merge makes comes last.
        var last = merges.count
        return definition.kinds.enumerated().map { id, kind in
            switch kind {
            case .control, .userDefined: return added
            case .unknown, .byte: return 0
            case .unused: return padding
            case .normal:
                if let rank = ranks[Int32(truncatingIfNeeded: id)] { return -Float(rank) }
                last += 1
                return -Float(last)
            }
        }
    }
}
