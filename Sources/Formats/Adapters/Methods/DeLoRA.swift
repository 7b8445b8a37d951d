/// A low-rank update of bounded length (DeLoRA, arXiv 2503.18225): W + B · D · A · Λ, where D gives each of the rank's
/// parts the length λ / rank, and Λ holds the lengths of the base's columns.
struct DeLoRA: PEFTMethod {
    static let kind = "DELORA"
    static let parts = ["delora_A", "delora_B", "delora_lambda", "delora_w_norm"]
    static let keys: Set<String> = [
        "delora_lambda", "init_weights", "lambda_pattern", "module_dropout", "r", "rank_pattern",
    ]
    /// What PEFT takes a shorter part for.
    private static let shortest = 1e-4

    init(_ keys: PEFTKeys) {}

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let rank = try module.length("delora_A", 0)
        var a = try module.values("delora_A", [rank, module.inputs])
        let b = try module.values("delora_B", [module.outputs, rank])
        let bound = Double(try module.values("delora_lambda", [1])[0])
        let lengths = try module.values("delora_w_norm", [module.inputs])
        for step in 0..<rank {
            let row = (step * module.inputs)..<((step + 1) * module.inputs)
            let columns = stride(from: step, to: b.count, by: rank)
            let product =
                max(Self.length(a[row]), Self.shortest)
                * max(Self.length(columns.map { b[$0] }), Self.shortest)
            let factor = Float(bound / Double(rank) / product)
            for (index, place) in row.enumerated() { a[place] *= factor * lengths[index] }
        }
        return ModuleChange(.update(rank: rank, a: a, b: b, scale: 1))
    }

    private static func length(_ values: some Sequence<Float>) -> Double {
        values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }
}
