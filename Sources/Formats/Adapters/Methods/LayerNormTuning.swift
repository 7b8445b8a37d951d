/// Norms with new weights and biases (LN tuning, arXiv 2312.11420).
struct LayerNormTuning: PEFTMethod {
    static let kind = "LN_TUNING"
    static let parts = ["ln_tuning_layers.weight", "ln_tuning_layers.bias"]
    static let keys: Set<String> = []
    static let takesTransposed = true
    static let changesNorms = true

    init(_ keys: PEFTKeys) {}

    func change(of module: PEFTModule) throws -> ModuleChange? {
        func values(_ part: String, _ form: StorageForm) throws -> NewValues {
            _ = try module.values(part, [module.outputs])
            return NewValues(try module.tensor(part), form)
        }
        return ModuleChange(
            .rows(try values(Self.parts[0], module.form)),
            bias: module.has(Self.parts[1]) ? try values(Self.parts[1], .canonical) : nil)
    }
}
