/// A low-rank update with singular values of its own (AdaLoRA, arXiv 2303.10512): W + scale · B · (E ∘ A).
struct AdaLoRA: PEFTMethod {
    static let kind = "ADALORA"
    static let parts = ["lora_A", "lora_B", "lora_E"]
    static let keys = PEFTConfiguration.keys.union([
        "beta1", "beta2", "deltaT", "init_r", "orth_reg_weight", "target_r", "tfinal", "tinit",
        "total_step",
    ])
    static let takesTransposed = true

    /// The rank in which training began, which the scale keeps.
    private let firstRank: Int
    private let alpha: Double

    init(_ keys: PEFTKeys) throws(AdapterError) {
        try keys.refuse([("use_dora", "DoRA in AdaLoRA"), ("lora_bias", "biases in AdaLoRA")])
        firstRank = try keys.positive("init_r", standard: 12)
        let alpha = try keys.number("lora_alpha", standard: 8)
        self.alpha = alpha > 0 ? alpha : Double(firstRank)
    }

    func change(of module: PEFTModule) throws -> ModuleChange? {
        // A module to which training gave no rank is as it was.
        guard try module.tensor("lora_A").shape.first != 0 else { return nil }
        let rank = try module.length("lora_A", 0)
        let values = try module.values("lora_E", [rank, 1])
        var a = try module.values("lora_A", [rank, module.inputs])
        for index in a.indices { a[index] *= values[index / module.inputs] }
        return ModuleChange(
            .update(
                rank: rank, a: a, b: try module.values("lora_B", [module.outputs, rank]),
                scale: Float(alpha / (Double(firstRank) + 1e-5))))
    }
}
