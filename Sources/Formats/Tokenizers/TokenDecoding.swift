/// How tokens become text again.
package enum TokenDecoding: Sendable, Hashable {
    /// Ordinary tokens are bytes by GPT-2's alphabet.
    case byteLevel
    /// Every `▁` is a space.
    case spaceMarks(joinsBytes: Bool, start: TextStart)

    /// What happens at the start of the text, where the encoder put a space of its own.
    package enum TextStart: Sendable, Hashable {
        case keep
        /// At most this many spaces are dropped.
        case dropSpaces(Int)
        /// All `▁` of the first token are dropped.
        case dropMarksOfFirstToken
    }
}
