/// How text is cut into pieces before the model runs on each.
package enum PreTokenizerRule: Sendable, Hashable {
    /// The whole stretch is one piece.
    case none
    /// Pieces by an expression. A space may be put before every stretch that does not begin with one.
    case byteLevel(SplitRule, addsSpacePrefix: Bool)
    /// Spaces become `▁`.
    case spaceMarks(SpaceMarks)
    /// A piece ends after each space, as Gemma's `tokenizer.json` writes it; its normalizer leaves no spaces.
    case afterSpaces
    /// A piece is a run of newlines, or of anything else.
    case newlineRuns

    /// What the pre-tokenizer `Metaspace` does.
    package struct SpaceMarks: Sendable, Hashable {
        /// Where a `▁` is put before text that does not begin with one.
        package enum Prefix: String, Sendable, Hashable, CaseIterable {
            case always
            /// Only at the beginning of the whole text.
            case first
            case never
        }

        package var prefix: Prefix
        /// A piece begins at every `▁`.
        package var splits: Bool
        /// The text is cut at white space first, which is dropped; each word counts as a text of its own.
        package var dropsWhitespace: Bool

        package init(prefix: Prefix, splits: Bool, dropsWhitespace: Bool = false) {
            self.prefix = prefix
            self.splits = splits
            self.dropsWhitespace = dropsWhitespace
        }
    }

    /// The expressions of byte-level vocabularies. The raw value is llama.cpp's name in `tokenizer.ggml.pre`.
    package enum SplitRule: String, Sendable, Hashable, CaseIterable {
        case gpt2 = "gpt-2"
        /// Digits one by one, then GPT-2's expression.
        case smolLM = "smollm"
        /// `\p{N}{1,3}`, case-insensitive contractions, newline runs.
        case llama3 = "llama-bpe"
        /// As `llama3`, but single digits.
        case qwen2
        /// As `qwen2`, but marks count as letters.
        case qwen35
        /// Words end where lower case turns into upper case; single digits; no contractions.
        case tekken
        /// As `tekken`, but up to three digits, and contractions stay with their word.
        case gpt4o = "gpt-4o"
        /// As `qwen2`, but newlines do not stay with the symbols before them.
        case seedCoder = "seed-coder"
    }

    /// The mark that SentencePiece writes for a space: U+2581.
    package static let spaceMark = "▁"
}
