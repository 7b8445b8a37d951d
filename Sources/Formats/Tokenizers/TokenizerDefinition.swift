/// A tokenizer as data, whichever file it came from: GGUF metadata, `tokenizer.json` or `tokenizer.model`.
///
/// The tokens are written as the file writes them. A byte-level vocabulary uses GPT-2's printable stand-ins for bytes
/// (`Ġ` for a space) in ordinary tokens; the vocabularies of SentencePiece use `▁` for a space, and `<0x0A>` for a
/// byte; added tokens are plain text.
///
/// Text passes added tokens, `normalizers`, `preTokenizer` and `model` in this order, and comes back by `decoder`.
///
/// The readers check what they read: every id is inside the vocabulary, no token occurs twice, and both
/// sides and the result of every merge are tokens.
package struct TokenizerDefinition: Sendable, Hashable {
    /// What a token is for. The raw value is the GGUF token type.
    package enum TokenKind: Int32, Sendable, Hashable {
        case normal = 1
        case unknown = 2
        /// Special: never produced from text unless special tokens are parsed; left out of decoded text.
        case control = 3
        /// Added by the user: found in the text before pre-tokenisation, and ordinary when decoded.
        case userDefined = 4
        case unused = 5
        /// Stands for one byte, and is written `<0x0A>`.
        case byte = 6

        /// Whether the token is looked for in the text before anything else.
        package var isAdded: Bool { self == .control || self == .unknown || self == .userDefined }
    }

    /// How an added token is found in the text; none of these holds unless `tokenizer.json` says so.
    package struct AddedTokenRules: Sendable, Hashable {
        /// Found only where neither neighbour is a letter, a digit or a connector.
        package var isWholeWord = false
        /// The white space before the token belongs to it.
        package var takesSpaceBefore = false
        /// The white space after the token belongs to it.
        package var takesSpaceAfter = false
        /// Looked for after the normalizers ran, in their form of its text.
        package var isNormalized = false

        package init() {}
    }

    /// A chat template beside the default one.
    package struct NamedChatTemplate: Sendable, Hashable {
        package let name: String
        package let source: String

        package init(name: String, source: String) {
            self.name = name
            self.source = source
        }
    }

    package var model: TokenizerModel
    /// What is done to the text between added tokens, one step after another.
    package var normalizers: [TextNormalizer]
    package var preTokenizer: PreTokenizerRule
    package var decoder: TokenDecoding
    /// The vocabulary: index = id.
    package var tokens: ByteStringList
    package var kinds: [TokenKind]
    /// The rules of those added tokens that have any.
    package var addedTokenRules: [Int: AddedTokenRules]
    package var beginningOfText: Int?
    package var endOfText: Int?
    package var unknown: Int?
    package var padding: Int?
    package var separator: Int?
    package var mask: Int?
    /// The token that ends a turn where the file names one (`tokenizer.ggml.eot_token_id`).
    package var endOfTurn: Int?
    /// The token that ends a message where the file names one (`tokenizer.ggml.eom_token_id`).
    package var endOfMessage: Int?
    /// Further tokens at which generation ends: those of `generation_config.json`, or of `config.json` without it.
    package var generationEnds: [Int] = []
    /// What is odd about the files and changes nothing that a text becomes, one line each.
    package var notes: [String] = []
    package var addsBeginningOfText: Bool
    package var addsEndOfText: Bool
    /// The Jinja source of the default chat template.
    package var chatTemplate: String?
    package var otherChatTemplates: [NamedChatTemplate]

    package init(
        model: TokenizerModel, normalizers: [TextNormalizer] = [],
        preTokenizer: PreTokenizerRule, decoder: TokenDecoding, tokens: ByteStringList,
        kinds: [TokenKind], addedTokenRules: [Int: AddedTokenRules] = [:],
        beginningOfText: Int? = nil, endOfText: Int? = nil, unknown: Int? = nil,
        padding: Int? = nil, separator: Int? = nil, mask: Int? = nil, endOfTurn: Int? = nil,
        addsBeginningOfText: Bool = false, addsEndOfText: Bool = false,
        chatTemplate: String? = nil, otherChatTemplates: [NamedChatTemplate] = []
    ) {
        self.model = model
        self.normalizers = normalizers
        self.preTokenizer = preTokenizer
        self.decoder = decoder
        self.tokens = tokens
        self.kinds = kinds
        self.addedTokenRules = addedTokenRules
        self.beginningOfText = beginningOfText
        self.endOfText = endOfText
        self.unknown = unknown
        self.padding = padding
        self.separator = separator
        self.mask = mask
        self.endOfTurn = endOfTurn
        self.addsBeginningOfText = addsBeginningOfText
        self.addsEndOfText = addsEndOfText
        self.chatTemplate = chatTemplate
        self.otherChatTemplates = otherChatTemplates
    }

    /// What kind of tokenizer this is, in a word: llama.cpp's name of the expression for byte-level vocabularies.
    package var kindName: String {
        switch (model, preTokenizer) {
        case (.byteLevelPairs, .byteLevel(let rule, _)): rule.rawValue
        case (.byteLevelPairs, _): "byte-level"
        case (.scalarPairs, _), (.scoredPairs, _): "sentencepiece"
        case (.unigram, _): "unigram"
        }
    }
}
