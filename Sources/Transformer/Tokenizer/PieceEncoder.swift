import Formats

/// Turns pieces of text into tokens. Its buffers are kept from piece to piece.
protocol PieceEncoder: Sendable {
    /// Appends the tokens of a piece.
    ///
    /// - Parameter piece: UTF-8, not empty
    mutating func encode(_ piece: ArraySlice<UInt8>, into output: inout [Int])
}

extension TokenizerDefinition {
    /// The encoder of this model.
    ///
    /// - Throws: `TokenizerError.tokenTooLong` for a token of a unigram model that no text should be searched for.
    func pieceEncoder() throws(TokenizerError) -> any PieceEncoder {
        switch model {
        case .byteLevelPairs(let merges, let ignoresMerges):
            BytePairEncoder(
                merges: MergeTable(merges),
                symbols: .bytes(ByteLevelSymbols(self, keepsTokensWhole: ignoresMerges)))
        case .scalarPairs(let merges, let rules):
            BytePairEncoder(
                merges: MergeTable(merges), symbols: .scalars(ScalarSymbols(self, rules)))
        case .scoredPairs(let scores): ScoredPairEncoder(self, scores: scores)
        case .unigram(let rules): try UnigramEncoder(self, rules)
        }
    }

    /// The token of each byte, -1 where there is none.
    ///
    /// - Parameter byte: the byte that a token stands for
    func byteTokens(_ byte: (Int) -> UInt8?) -> [Int32] {
        var ids = [Int32](repeating: -1, count: 256)
        for id in tokens.indices {
            if let byte = byte(id) { ids[Int(byte)] = Int32(truncatingIfNeeded: id) }
        }
        return ids
    }

    /// The tokens like `<0x0A>`, by their bytes.
    var spelledByteTokens: [Int32] {
        byteTokens { kinds[$0] == .byte ? ByteToken.byte(of: tokens[$0]) : nil }
    }
}
