/// Ranks and scales as `adapter_config.json` gives them: one of each, and others for single modules.
struct PEFTScales: Sendable {
    let rank: Int
    private let alpha: Double
    /// Whether the scale is alpha / √rank (rank-stabilised LoRA, arXiv 2312.03732) instead of alpha / rank.
    private let isRankStabilized: Bool
    private let ranks: NumbersByModule<Int>
    private let alphas: NumbersByModule<Double>

    static let keys: Set<String> = ["r", "rank_pattern", "alpha_pattern"]

    /// - Parameter alpha: the key of alpha.
    /// - Throws: `AdapterError` where a key is missing, wrong, or an expression that is not supported.
    init(
        _ keys: PEFTKeys, alpha: String, isRankStabilized: Bool = false
    ) throws(AdapterError) {
        rank = try keys.positive("r")
        self.alpha = try keys.number(alpha)
        self.isRankStabilized = isRankStabilized
        ranks = try keys.pattern("rank_pattern") { value in
            value.integer.flatMap { $0 > 0 ? $0 : nil }
        }
        alphas = try keys.pattern("alpha_pattern") { value in
            value.number.flatMap { $0.isFinite ? $0 : nil }
        }
    }

    /// The alpha that gives the same scale without rank stabilisation.
    var plainAlpha: Double { isRankStabilized ? alpha * Double(rank).squareRoot() : alpha }

    /// The rank of an update of a module such as `model.layers.3.self_attn.q_proj`, or of a parameter with its module's
    /// name before it.
    ///
    /// - Throws: `AdapterError.unsupportedValue` where a pattern is too costly to tell.
    func rank(of name: String) throws(AdapterError) -> Int {
        try ranks.matches(name).first?.value ?? rank
    }

    /// The scale of an update.
    ///
    /// - Throws: `AdapterError.unsupportedValue` where the patterns do not tell with which scale it was trained.
    func scale(of name: String) throws(AdapterError) -> Float {
        let found = try alphas.matches(name)
        // Python sorts strings by code points, which is the order of their UTF-8.
        let isSorted = zip(alphas.entries, alphas.entries.dropFirst()).allSatisfy {
            !$1.key.text.utf8.lexicographicallyPrecedes($0.key.text.utf8)
        }
        if isSorted, let first = found.first,
            let other = found.first(where: { $0.value != first.value })
        {
            throw .unsupportedValue(
                file: alphas.file, key: alphas.key,
                value: "\(first.value) under '\(first.key.text)' and \(other.value) under "
                    + "'\(other.key.text)' for \(name)",
                meaning: "one or the other, as PEFT sorts keys on saving and takes the first")
        }
        let alpha = found.first?.value ?? alpha
        let rank = Double(try rank(of: name))
        return Float(alpha / (isRankStabilized ? rank.squareRoot() : rank))
    }
}
