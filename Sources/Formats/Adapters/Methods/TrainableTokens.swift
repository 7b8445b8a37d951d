/// Embeddings of single tokens, and nothing else.
struct TrainableTokens: PEFTMethod {
    static let kind = "TRAINABLE_TOKENS"
    static let parts: [String] = []
    static let keys: Set<String> = ["init_weights", "token_indices"]
    static let tokensKey = "token_indices"
    static let takesTransposed = true

    init(_ keys: PEFTKeys) {}

    func change(of module: PEFTModule) -> ModuleChange? { nil }
}
