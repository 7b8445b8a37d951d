package import Formats
package import Transformer

/// Whether the edited checkpoint's tokenizer is the base's: the comparison that `diff` makes, and the prompts' tokens.
package struct TokenizerAgreement {
    package let comparison: TokenizerComparison
    /// Whether the prompts become the same tokens; nil where a checkpoint has no tokenizer of its own.
    package let givesTokens: Bool?

    /// - Parameter tokenizer: the edited checkpoint's, asked for where both have one.
    /// - Throws: what reading the tokenizers throws.
    package init(
        base: Checkpoint, edited: Checkpoint, prompts: [(tokens: [Int], text: String)],
        tokenizer: () throws -> Tokenizer
    ) throws {
        comparison = try TokenizerComparison(base, edited)
        guard comparison.isComplete else {
            givesTokens = nil
            return
        }
        let tokenizer = try tokenizer()
        givesTokens = prompts.allSatisfy { tokenizer.encode($0.text) == $0.tokens }
    }

    /// Nil where a checkpoint has no tokenizer of its own.
    package var isSame: Bool? { givesTokens.map { $0 && !comparison.isDifference } }
}
