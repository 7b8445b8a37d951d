/// What llama.cpp's converter makes of a family's tokenizer beyond what the folder's files say. It stands in the family's
/// `Architecture`.
package struct TokenizerLayout: Sendable {
    /// Whether its script for Llama converts the family: it keeps `add_prefix_space`, and knows CodeLlama and Granite's
    /// small models by the sizes of their vocabularies.
    let isLlama: Bool
    /// Whether a vocabulary in `tokenizer.model` is one whose texts begin with no space, as Gemma's.
    let startsWithoutSpace: Bool
    /// The end of a turn that a vocabulary in `tokenizer.model` gets where the folder names none.
    let endOfTurn: UInt32?
    /// Whether the added tokens of `tokenizer.json` are read beside `tokenizer.model`.
    let readsAddedTokens: Bool
    /// The names that the converter finds for the rules of the family's published models, where several fit.
    let preTokenizerNames: [String]
    /// Roles that the converter gives to added tokens by their texts, whatever the folder says.
    let roles: [(role: String, text: String)]
    /// Whether byte-pair encoding over scalars keeps its merges (`gemma4`), and is not put into scores.
    let keepsScalarPairs: Bool
    /// Special tokens that the converter has decoded text show.
    let visible: Set<String>

    init(
        isLlama: Bool = false, startsWithoutSpace: Bool = false, endOfTurn: UInt32? = nil,
        readsAddedTokens: Bool = false, preTokenizerNames: [String] = [],
        roles: [(role: String, text: String)] = [], keepsScalarPairs: Bool = false,
        visible: Set<String> = []
    ) {
        self.isLlama = isLlama
        self.startsWithoutSpace = startsWithoutSpace
        self.endOfTurn = endOfTurn
        self.readsAddedTokens = readsAddedTokens
        self.preTokenizerNames = preTokenizerNames
        self.roles = roles
        self.keepsScalarPairs = keepsScalarPairs
        self.visible = visible
    }

    /// What the files say.
    package static let standard = TokenizerLayout()
    static let llama = TokenizerLayout(isLlama: true)
}
