/// A Kronecker product of two small matrices, each of them known or a product itself (LoKr, arXiv 2309.14859):
/// W + scale · (W₁ ⊗ W₂).
struct LoKr: PEFTMethod {
    static let kind = "LOKR"
    static let parts = ["lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b"]
    static let keys = PEFTScales.keys.union([
        "alpha", "decompose_both", "decompose_factor", "init_weights", "module_dropout",
        "rank_dropout", "rank_dropout_scale", "use_effective_conv2d",
    ])

    private let scales: PEFTScales

    init(_ keys: PEFTKeys) throws(AdapterError) {
        scales = try PEFTScales(keys, alpha: "alpha")
    }

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let rank = try scales.rank(of: module.name)
        let first = try factor("lokr_w1", of: module, rank)
        let second = try factor("lokr_w2", of: module, rank)
        let rows = first.rows.multipliedReportingOverflow(by: second.rows)
        let columns = first.columns.multipliedReportingOverflow(by: second.columns)
        guard rows.partialValue == module.outputs, columns.partialValue == module.inputs,
            !rows.overflow, !columns.overflow
        else {
            throw AdapterError.unsupportedTensor(
                file: module.file, tensor: module.names.inFile,
                reason: "holds factors of \(first.rows) x \(first.columns) and \(second.rows) x "
                    + "\(second.columns), whose product is not the base's "
                    + "\([module.outputs, module.inputs])")
        }
        return ModuleChange(
            .rows(
                KroneckerRows(
                    first: first, second: second, scale: try scales.scale(of: module.name))))
    }

    private func factor(
        _ part: String, of module: PEFTModule, _ rank: Int
    ) throws -> FactoredMatrix {
        if module.has(part) {
            let (rows, columns) = (try module.length(part, 0), try module.length(part, 1))
            return FactoredMatrix(
                try module.values(part, [rows, columns]), rows: rows, columns: columns)
        }
        let (rows, columns) = (try module.length(part + "_a", 0), try module.length(part + "_b", 1))
        return FactoredMatrix(
            try module.values(part + "_a", [rows, rank]),
            try module.values(part + "_b", [rank, columns]), rows: rows, columns: columns)
    }
}

private struct KroneckerRows: RowChange {
    let first: FactoredMatrix
    let second: FactoredMatrix
    let scale: Float

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        let (outer, inner) = row.quotientAndRemainder(dividingBy: second.rows)
        let (left, right) = (first.row(outer), second.row(inner))
        for (place, factor) in left.enumerated() {
            let start = place * right.count
            for column in right.indices {
                values[start + column] += factor * right[column] * scale
            }
        }
    }
}
