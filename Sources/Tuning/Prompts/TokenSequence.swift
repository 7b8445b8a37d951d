/// The tokens of a rendered prompt, and where its completion begins.
package struct TokenSequence: Sendable, Hashable {
    package var tokens: [Int]
    /// How many tokens come before the completion, the assistant's own text.
    package var promptCount: Int
    /// File and line, for messages.
    package var place: String

    /// - Parameters:
    ///   - prompt: the tokens before the completion.
    ///   - completion: those of the completion; none for a prompt alone.
    package init(prompt: [Int], completion: [Int] = [], place: String) {
        tokens = prompt + completion
        promptCount = prompt.count
        self.place = place
    }

    /// The tokens at a position.
    ///
    /// - Throws: `PromptError.noSuchToken` where the sequence has none there.
    package func range(of position: Position) throws(PromptError) -> Range<Int> {
        guard let range = position.tokens(promptCount: promptCount, totalCount: tokens.count) else {
            throw .noSuchToken(
                place: place, position: position, promptCount: promptCount, count: tokens.count)
        }
        return range
    }
}
