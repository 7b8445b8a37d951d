/// The metadata keys of a tokenizer in a GGUF file.
enum GGUFTokenizerKey {
    static let model = "tokenizer.ggml.model"
    static let preTokenizer = "tokenizer.ggml.pre"
    static let tokens = "tokenizer.ggml.tokens"
    static let tokenTypes = "tokenizer.ggml.token_type"
    static let scores = "tokenizer.ggml.scores"
    static let merges = "tokenizer.ggml.merges"
    static let beginningOfText = "tokenizer.ggml.bos_token_id"
    static let endOfText = "tokenizer.ggml.eos_token_id"
    static let unknown = "tokenizer.ggml.unknown_token_id"
    static let padding = "tokenizer.ggml.padding_token_id"
    static let separator = "tokenizer.ggml.seperator_token_id"
    static let mask = "tokenizer.ggml.mask_token_id"
    static let endOfTurn = "tokenizer.ggml.eot_token_id"
    static let endOfMessage = "tokenizer.ggml.eom_token_id"
    static let addsBeginningOfText = "tokenizer.ggml.add_bos_token"
    static let addsEndOfText = "tokenizer.ggml.add_eos_token"
    static let addsSeparator = "tokenizer.ggml.add_sep_token"
    static let addsSpacePrefix = "tokenizer.ggml.add_space_prefix"
    static let collapsesSpaces = "tokenizer.ggml.remove_extra_whitespaces"
    static let characterMap = "tokenizer.ggml.precompiled_charsmap"
    static let lowercases = "tokenizer.ggml.normalizer.lowercase"
    static let stripsAccents = "tokenizer.ggml.normalizer.strip_accents"
    static let chatTemplate = "tokenizer.chat_template"
    static let chatTemplateNames = "tokenizer.chat_templates"

    /// The key of a template beside the default one.
    static func chatTemplate(named name: String) -> String { "\(chatTemplate).\(name)" }

    /// The keys of the token ids by the roles of `SpecialTokenSurvey`; the class token has none.
    static let ofRole = [
        "bos": beginningOfText, "eos": endOfText, "unk": unknown, "sep": separator,
        "pad": padding, "mask": mask, "eot": endOfTurn, "eom": endOfMessage,
    ]

    /// The keys of the flags that add a role's token to every text.
    static let ofAddition = [
        "bos": addsBeginningOfText, "eos": addsEndOfText, "sep": addsSeparator,
    ]
}
