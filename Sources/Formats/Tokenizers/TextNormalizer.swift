/// A step of what is done to text before it is cut into pieces.
package enum TextNormalizer: Sendable, Hashable {
    /// A normalisation form of Unicode (annex 15).
    ///
    /// Qwen2's `tokenizer.json` asks for NFC; a GGUF file cannot, and llama.cpp never composes, so that the two sources
    /// of one model differ on decomposed text.
    package enum UnicodeForm: String, Sendable, Hashable, CaseIterable {
        case nfc = "NFC"
        case nfd = "NFD"
        case nfkc = "NFKC"
        case nfkd = "NFKD"
    }

    /// How the replacements of a character map are looked for.
    package enum CharacterMapMatching: Sendable, Hashable {
        /// The longest entry at each place, as SentencePiece and llama.cpp do.
        case longest
        /// In each grapheme of at most 5 bytes the shortest entry at its start stands for all of it; else each scalar
        /// by itself, as the `tokenizers` library does.
        case graphemes
    }

    case unicode(UnicodeForm)
    /// Every scalar's own lower-case mapping, without regard to its neighbours.
    case lowercase
    /// White space at the ends is dropped.
    case strip(start: Bool, end: Bool)
    /// Scalars of the general category M are dropped.
    case stripAccents
    /// A text is put before a text that is not empty.
    case prepend(String)
    /// Every occurrence of a text becomes another.
    case replace(String, with: String)
    /// Every run of two spaces or more becomes a text.
    case replaceSpaceRuns(with: String)
    /// Spaces at the ends are dropped, and runs of spaces become one space, as SentencePiece has it.
    case collapseSpaces
    /// Texts become others by a table.
    case characterMap(CharacterMap, CharacterMapMatching)
}
