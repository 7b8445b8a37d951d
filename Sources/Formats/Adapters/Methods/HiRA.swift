/// A low-rank matrix that multiplies the weight element by element (HiRA): W + W ∘ (B · A).
struct HiRA: PEFTMethod {
    static let kind = "HIRA"
    static let parts = ["hira_A", "hira_B"]
    static let keys: Set<String> = [
        "fan_in_fan_out", "hira_dropout", "init_weights", "r", "rank_pattern",
    ]

    init(_ keys: PEFTKeys) {}

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let rank = try module.length("hira_A", 0)
        return ModuleChange(
            .rows(
                MultipliedRows(
                    factor: FactoredMatrix(
                        try module.values("hira_B", [module.outputs, rank]),
                        try module.values("hira_A", [rank, module.inputs]), rows: module.outputs,
                        columns: module.inputs))))
    }
}

private struct MultipliedRows: RowChange {
    let factor: FactoredMatrix

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        let factors = factor.row(row)
        for column in values.indices { values[column] += values[column] * factors[column] }
    }
}
