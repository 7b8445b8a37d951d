/// A tokenizer as data, whichever file it came from: GGUF metadata or `tokenizer.json`.
///
/// The tokens are written as the file writes them. A byte-level BPE vocabulary uses GPT-2's printable
/// stand-ins for bytes (`Ġ` for a space) in ordinary tokens, and plain text in added ones.
///
/// The readers check what they read: every id is inside the vocabulary, no token occurs twice, and both
/// sides and the result of every merge are tokens.
public struct TokenizerDefinition: Sendable, Hashable {
    /// How text becomes tokens. A SentencePiece model would be a second case.
    public enum Model: Sendable, Hashable {
        /// Byte-level byte-pair encoding: the merges, most preferred first.
        /// With `ignoresMerges` a piece that is a token already is not split further.
        case byteLevelBPE(merges: [TokenMerge], ignoresMerges: Bool)
    }

    /// What is done to the text before anything else.
    public enum Normalizer: Sendable, Hashable {
        case none
        /// Unicode's canonical composition. Qwen2's `tokenizer.json` asks for it; a GGUF file cannot,
        /// and llama.cpp never composes, so that the two sources of one model differ on decomposed text.
        case canonicalComposition
    }

    /// How text is cut into pieces before the merges run.
    ///
    /// The raw value is llama.cpp's name in `tokenizer.ggml.pre`.
    public enum PreTokenizer: String, Sendable, Hashable, CaseIterable {
        case gpt2 = "gpt-2"
        /// Digits one by one, then GPT-2's expression.
        case smolLM = "smollm"
        /// `\p{N}{1,3}`, case-insensitive contractions, newline runs.
        case llama3 = "llama-bpe"
        /// As `llama3`, but single digits.
        case qwen2
    }

    /// What a token is for. The raw value is the GGUF token type.
    public enum TokenKind: Int32, Sendable, Hashable {
        case normal = 1
        case unknown = 2
        /// Special: never produced from text unless special tokens are parsed; left out of decoded text.
        case control = 3
        /// Added by the user: found in the text before pre-tokenisation, and ordinary when decoded.
        case userDefined = 4
        case unused = 5
        case byte = 6
    }

    public var model: Model
    public var normalizer: Normalizer
    public var preTokenizer: PreTokenizer
    /// The vocabulary: index = id.
    public var tokens: ByteStringList
    public var kinds: [TokenKind]
    public var beginningOfText: Int?
    public var endOfText: Int?
    public var unknown: Int?
    public var padding: Int?
    /// The token that ends a turn where the file names one (`tokenizer.ggml.eot_token_id`).
    public var endOfTurn: Int?
    public var addsBeginningOfText: Bool
    public var addsEndOfText: Bool
    /// A space is put before every stretch of ordinary text that does not begin with one.
    public var addsSpacePrefix: Bool
    /// The Jinja source of the chat template.
    public var chatTemplate: String?

    /// What the one kind of model holds.
    var byteLevelBPE: (merges: [TokenMerge], ignoresMerges: Bool) {
        switch model {
        case .byteLevelBPE(let merges, let ignoresMerges): (merges, ignoresMerges)
        }
    }

    public init(
        model: Model, normalizer: Normalizer = .none, preTokenizer: PreTokenizer,
        tokens: ByteStringList, kinds: [TokenKind], beginningOfText: Int? = nil,
        endOfText: Int? = nil, unknown: Int? = nil, padding: Int? = nil, endOfTurn: Int? = nil,
        addsBeginningOfText: Bool = false, addsEndOfText: Bool = false,
        addsSpacePrefix: Bool = false, chatTemplate: String? = nil
    ) {
        self.model = model
        self.normalizer = normalizer
        self.preTokenizer = preTokenizer
        self.tokens = tokens
        self.kinds = kinds
        self.beginningOfText = beginningOfText
        self.endOfText = endOfText
        self.unknown = unknown
        self.padding = padding
        self.endOfTurn = endOfTurn
        self.addsBeginningOfText = addsBeginningOfText
        self.addsEndOfText = addsEndOfText
        self.addsSpacePrefix = addsSpacePrefix
        self.chatTemplate = chatTemplate
    }
}
