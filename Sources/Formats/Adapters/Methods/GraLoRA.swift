/// A low-rank update for each pair of a piece of the inputs and one of the outputs (GraLoRA, arXiv 2505.20355), and
/// where asked for one of the whole weight.
struct GraLoRA: PEFTMethod {
    static let kind = "GRALORA"
    static let parts = [
        "gralora_A", "gralora_B", "gralora_A_general.weight", "gralora_B_general.weight",
    ]
    static let keys: Set<String> = [
        "alpha", "fan_in_fan_out", "gralora_dropout", "gralora_k", "hybrid_r", "init_weights", "r",
    ]

    private let rank: Int
    /// The rank of the update of the whole weight, or 0.
    private let wholeRank: Int
    /// How many pieces inputs and outputs have.
    private let pieces: Int
    private let alpha: Double

    init(_ keys: PEFTKeys) throws(AdapterError) {
        rank = try keys.positive("r")
        wholeRank = keys.value("hybrid_r") == .integer(0) ? 0 : try keys.positive("hybrid_r")
        pieces = try keys.positive("gralora_k")
        alpha = try keys.number("alpha")
        guard rank % pieces == 0 else { throw keys.wrong("r", "a multiple of gralora_k") }
    }

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let (rows, columns) = (module.outputs / pieces, module.inputs / pieces)
        guard module.outputs % pieces == 0, module.inputs % pieces == 0 else {
            throw try module.misfit("gralora_A", expected: [pieces, columns, rank])
        }
        let whole =
            try wholeRank == 0
            ? nil
            : FactoredMatrix(
                module.values("gralora_B_general.weight", [module.outputs, wholeRank]),
                module.values("gralora_A_general.weight", [wholeRank, module.inputs]),
                rows: module.outputs, columns: module.inputs)
        return ModuleChange(
            .rows(
                PiecewiseUpdate(
                    a: try module.values("gralora_A", [pieces, columns, rank]),
                    b: try module.values("gralora_B", [pieces, rank, rows]), pieces: pieces,
                    rank: rank, whole: whole,
                    scale: Float(alpha / Double(rank + wholeRank)))))
    }
}

private struct PiecewiseUpdate: RowChange {
    /// (pieces of the inputs, inputs of a piece, rank)
    let a: [Float]
    /// (pieces of the outputs, rank, outputs of a piece)
    let b: [Float]
    let pieces: Int
    let rank: Int
    let whole: FactoredMatrix?
    let scale: Float

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        let (share, width) = (rank / pieces, values.count / pieces)
        let height = b.count / (pieces * rank)
        let (output, place) = row.quotientAndRemainder(dividingBy: height)
        let general = whole?.row(row)
        for column in values.indices {
            let input = column / width
            var sum = general?[column] ?? 0
            for step in 0..<share {
                let left = a[column * rank + output * share + step]
                sum += left * b[(output * rank + input * share + step) * height + place]
            }
            values[column] += sum * scale
        }
    }
}
