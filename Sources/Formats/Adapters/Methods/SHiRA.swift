/// Single elements that change (SHiRA, arXiv 2406.13175).
struct SHiRA: PEFTMethod {
    static let kind = "SHIRA"
    static let parts = ["shira_weight", "shira_indices"]
    static let keys: Set<String> = [
        "fan_in_fan_out", "init_weights", "mask_type", "r", "random_seed",
    ]

    init(_ keys: PEFTKeys) {}

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let count = try module.length("shira_weight", 0)
        let values = try module.values("shira_weight", [count])
        let places = try module.indices(
            "shira_indices", [2, count], below: max(module.outputs, module.inputs))
        var rows: [Int: [(column: Int, value: Float)]] = [:]
        for index in 0..<count {
            let (row, column) = (places[index], places[count + index])
            guard row < module.outputs, column < module.inputs else {
                throw AdapterError.unsupportedTensor(
                    file: module.file, tensor: try module.tensor("shira_indices").name,
                    reason: "names element \([row, column]) of a matrix "
                        + "\([module.outputs, module.inputs])")
            }
            rows[row, default: []].append((column, values[index]))
        }
        return ModuleChange(.rows(SparseRows(rows: rows)))
    }
}

private struct SparseRows: RowChange {
    let rows: [Int: [(column: Int, value: Float)]]

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        for (column, value) in rows[row] ?? [] { values[column] += value }
    }
}
