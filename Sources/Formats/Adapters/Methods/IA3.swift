/// Outputs, or of feed-forward modules inputs, times learned numbers ((IA)³, arXiv 2205.05638).
struct IA3: PEFTMethod {
    static let kind = "IA3"
    static let parts = ["ia3_l"]
    static let keys: Set<String> = ["fan_in_fan_out", "feedforward_modules", "init_ia3_weights"]
    static let takesTransposed = true

    init(_ keys: PEFTKeys) {}

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let part = Self.parts[0]
        if try module.tensor(part).shape == [1, module.inputs] {
            return ModuleChange(
                .rows(ScaledColumns(factors: try module.values(part, [1, module.inputs]))))
        }
        let rows = ScaledRows(factors: try module.values(part, [module.outputs, 1]))
        return ModuleChange(.rows(rows), bias: rows)
    }
}
