/// A sum of products of random matrices that all modules share, scaled by learned vectors (RandLoRA, arXiv 2502.00987).
struct RandLoRA: PEFTMethod {
    static let kind = "RANDLORA"
    static let parts = ["randlora_lambda", "randlora_gamma", "randlora_A", "randlora_B"]
    static let sharedParts = ["randlora_A", "randlora_B"]
    static let keys: Set<String> = [
        "fan_in_fan_out", "init_weights", "projection_prng_key", "r", "randlora_alpha",
        "randlora_dropout", "save_projection", "sparse", "very_sparse",
    ]

    private let rank: Int
    private let alpha: Double

    init(_ keys: PEFTKeys) throws(AdapterError) {
        rank = try keys.positive("r")
        alpha = try keys.number("randlora_alpha")
        if try !keys.flag("save_projection", standard: true) {
            throw keys.unsupported(
                "save_projection", "matrices that PEFT draws in a type that depends on the machine")
        }
    }

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let a = try module.shared("randlora_A", dimensions: 3)
        let b = try module.shared("randlora_B", dimensions: 3)
        // PEFT saves the shared matrices with each module again.
        for (part, values) in [("randlora_A", a), ("randlora_B", b)] where module.has(part) {
            guard try module.values(part, values.shape) == values.values else {
                throw AdapterError.unsupportedTensor(
                    file: module.file, tensor: try module.tensor(part).name,
                    reason: "is another matrix than base_model.\(part)")
            }
        }
        let (short, long) = (
            min(module.outputs, module.inputs), max(module.outputs, module.inputs)
        )
        let bases = try module.length("randlora_lambda", 1)
        guard a.shape[0] == rank, a.shape[1] == 1 || a.shape[1] >= bases, a.shape[2] >= short,
            b.shape[0] >= long, b.shape[1] >= bases, b.shape[2] == rank
        else {
            throw AdapterError.unsupportedTensor(
                file: module.file, tensor: module.names.inFile,
                reason:
                    "needs \(bases) bases of \(short) and \(long), but randlora_A is \(a.shape) and "
                    + "randlora_B \(b.shape)")
        }
        return ModuleChange(
            .rows(
                RandomBases(
                    a: a, b: b, rank: rank, bases: bases, short: short,
                    outer: try module.values("randlora_lambda", [rank, bases]),
                    inner: try module.values("randlora_gamma", [bases, short]),
                    isWide: module.inputs > module.outputs, scale: Float(alpha / Double(rank)))))
    }
}

private struct RandomBases: RowChange {
    /// (rank, bases or 1, the shorter side)
    let a: PEFTModule.SharedValues
    /// (the longer side, bases, rank)
    let b: PEFTModule.SharedValues
    let rank: Int
    let bases: Int
    let short: Int
    /// (rank, bases)
    let outer: [Float]
    /// (bases, the shorter side)
    let inner: [Float]
    /// Whether the shorter side is that of the outputs.
    let isWide: Bool
    let scale: Float

    /// An element of the scaled A: PEFT counts its bases within a rank, those of B ranks within a base.
    private func left(_ step: Int, _ place: Int) -> Float {
        let (rank, base) = step.quotientAndRemainder(dividingBy: bases)
        let stored = a.shape[1] == 1 ? rank : rank * a.shape[1] + base
        return outer[step] * a.values[stored * a.shape[2] + place] * inner[base * short + place]
    }

    private func right(_ place: Int, _ step: Int) -> Float {
        b.values[(place * b.shape[1] + step / rank) * rank + step % rank]
    }

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        var sums = [Float](repeating: 0, count: values.count)
        for step in 0..<(rank * bases) {
            let factor = isWide ? left(step, row) : right(row, step)
            for column in sums.indices {
                sums[column] += factor * (isWide ? right(column, step) : left(step, column))
            }
        }
        for column in values.indices { values[column] += sums[column] * scale }
    }
}
