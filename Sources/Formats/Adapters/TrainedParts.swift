/// What an adapter of PEFT trains beside its updates: whole modules, the base's biases, rows of single tokens.
struct TrainedParts: Sendable {
    /// `modules_to_save`: ends of names.
    private let modules: [String]
    /// Whether a head that is tied to the embedding is saved with it.
    private let savesTiedHead: Bool
    /// Whether biases of the base were trained.
    private let trainsBiases: Bool
    /// Tokens by the end of the name of their module; of all modules under no name.
    private let tokens: [(module: String?, tokens: [Int])]
    /// The key of the tokens.
    let tokensKey: String

    static let keys: Set<String> = ["modules_to_save", "bias", "trainable_token_indices"]

    /// - Parameter tokensKey: the key that names the tokens; nil for that of LoRA
    /// - Throws: `AdapterError.wrongValue`.
    init(_ keys: PEFTKeys, tokensKey: String? = nil) throws(AdapterError) {
        let tokensKey = tokensKey ?? "trainable_token_indices"
        self.tokensKey = tokensKey
        modules = try keys.texts("modules_to_save")
        let ensuresTying = try keys.flag("ensure_weight_tying")
        savesTiedHead = ensuresTying && !modules.isEmpty
        switch keys.value("bias") {
        case nil, .string("none"): trainsBiases = false
        case .string: trainsBiases = true
        default: throw keys.wrong("bias", "a string")
        }
        switch keys.value(tokensKey) {
        case nil: tokens = []
        case .object(let members):
            var tokens: [(module: String?, tokens: [Int])] = []
            for member in members.members {
                tokens.append(
                    (member.key, try Self.tokens(member.value, "\(tokensKey).\(member.key)", keys)))
            }
            self.tokens = tokens
        case let value?: tokens = [(nil, try Self.tokens(value, tokensKey, keys))]
        }
    }

    private static func tokens(
        _ value: JSONValue, _ key: String, _ keys: PEFTKeys
    ) throws(AdapterError) -> [Int] {
        let tokens = value.array?.compactMap(\.integer)
        guard let tokens, tokens.count == value.array?.count, tokens.allSatisfy({ $0 >= 0 }),
            Set(tokens).count == tokens.count
        else { throw keys.wrong(key, "an array of tokens, each of them once") }
        return tokens
    }

    /// Whether a whole weight or bias in the file takes the place of the base's: where the configuration says that it was
    /// trained.
    ///
    /// - Parameters:
    ///   - module: the name of the module it belongs to
    ///   - isTied: whether it is the embedding, or a head that is tied to it
    ///   - isBeside: whether an update of the module stands beside it
    func replaces(
        _ part: WeightRole.Part, of module: String, isTied: Bool, isBeside: Bool
    ) -> Bool {
        if part == .bias, trainsBiases { return true }
        return !isBeside && (isSaved(module) || isTied && savesTiedHead)
    }

    /// Whether the module, or one that it is in, is saved as a whole: PEFT compares the ends of names.
    private func isSaved(_ module: String) -> Bool {
        var path = Substring(module)
        while true {
            if modules.contains(where: { path.hasSuffix($0) }) { return true }
            guard let dot = path.lastIndex(of: ".") else { return false }
            path = path[..<dot]
        }
    }

    /// The tokens whose rows a tensor of the module holds; nil where the configuration names none.
    func tokens(of module: String) -> [Int]? {
        tokens.first { entry in
            entry.module.map { module == $0 || module.hasSuffix("." + $0) } ?? true
        }?.tokens
    }
}
