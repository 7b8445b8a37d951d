/// The product, element by element, of two low-rank matrices (LoHa, arXiv 2108.06098): W + scale · (A₁ B₁) ∘ (A₂ B₂).
struct LoHa: PEFTMethod {
    static let kind = "LOHA"
    static let parts = ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"]
    static let keys = PEFTScales.keys.union([
        "alpha", "init_weights", "module_dropout", "rank_dropout", "use_effective_conv2d",
    ])

    private let scales: PEFTScales

    init(_ keys: PEFTKeys) throws(AdapterError) {
        scales = try PEFTScales(keys, alpha: "alpha")
    }

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let rank = try scales.rank(of: module.name)
        func factor(_ part: String) throws -> FactoredMatrix {
            FactoredMatrix(
                try module.values(part + "_a", [module.outputs, rank]),
                try module.values(part + "_b", [rank, module.inputs]), rows: module.outputs,
                columns: module.inputs)
        }
        return ModuleChange(
            .rows(
                HadamardRows(
                    first: try factor("hada_w1"), second: try factor("hada_w2"),
                    scale: try scales.scale(of: module.name))))
    }
}

private struct HadamardRows: RowChange {
    let first: FactoredMatrix
    let second: FactoredMatrix
    let scale: Float

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        let (left, right) = (first.row(row), second.row(row))
        for column in values.indices { values[column] += left[column] * right[column] * scale }
    }
}
