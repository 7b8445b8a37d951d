/// How the pieces of a text become tokens.
package enum TokenizerModel: Sendable, Hashable {
    /// Byte-level byte-pair encoding: the merges, most preferred first.
    /// With `ignoresMerges` a piece that is a token already is not split further.
    case byteLevelPairs(merges: [TokenMerge], ignoresMerges: Bool)

    /// Byte-pair encoding over scalars, as `tokenizer.json` has it for Llama 2, Gemma or Mistral.
    case scalarPairs(merges: [TokenMerge], ScalarRules)

    /// SentencePiece's byte-pair encoding: any two neighbours whose joined text is a token merge, the best score first,
    /// of equal scores the leftmost. Only normal and unused tokens take part.
    ///
    /// There is one score for each token. A scalar that is no token becomes the tokens of its bytes, or the unknown
    /// token where the vocabulary has none.
    case scoredPairs(scores: [Float])

    /// A unigram language model: of all ways to cut a piece into tokens, the one whose scores have the greatest sum
    /// (Kudo 2018, https://arxiv.org/abs/1804.10959).
    case unigram(UnigramRules)

    /// What byte-pair encoding over scalars does with a scalar that is no token, and with a piece that is one.
    package struct ScalarRules: Sendable, Hashable {
        /// A piece that is a token already is not split further.
        package var ignoresMerges: Bool
        /// The same of a piece of newlines alone.
        package var keepsNewlineRuns: Bool
        /// A scalar that is no token becomes the tokens of its bytes where all of these exist.
        package var fallsBackToBytes: Bool
        /// What stands for other scalars; nil drops them.
        package var unknown: Int?
        /// One unknown token stands for a run of unknown scalars.
        package var fusesUnknown: Bool

        package init(
            ignoresMerges: Bool = false, keepsNewlineRuns: Bool = false,
            fallsBackToBytes: Bool = true, unknown: Int? = nil, fusesUnknown: Bool = true
        ) {
            self.ignoresMerges = ignoresMerges
            self.keepsNewlineRuns = keepsNewlineRuns
            self.fallsBackToBytes = fallsBackToBytes
            self.unknown = unknown
            self.fusesUnknown = fusesUnknown
        }
    }

    /// The numbers of a unigram model.
    package struct UnigramRules: Sendable, Hashable {
        /// The logarithm of each token's probability; nil for a token that is never produced from text.
        package var scores: [Double?]
        /// What stands for a scalar that no token covers; runs of them are one.
        package var unknown: Int?
        /// A run of unknown scalars becomes the tokens of its bytes where all of these exist.
        package var fallsBackToBytes: Bool
        /// The score of an unknown scalar: far below the least of the tokens'.
        package var unknownScore: Double

        /// How far the unknown scalar's score lies below the least score (SentencePiece's constant).
        package static let unknownPenalty = 10.0

        package init(
            scores: [Double?], unknown: Int?, fallsBackToBytes: Bool, unknownScore: Double
        ) {
            self.scores = scores
            self.unknown = unknown
            self.fallsBackToBytes = fallsBackToBytes
            self.unknownScore = unknownScore
        }
    }
}
