/// Inputs rotated by butterfly factors, outputs scaled (BOFT, arXiv 2311.06243): s · W · Rᵀ, where R is the product of factors
/// that rotate blocks of inputs, each in an order of its own, by Cayley's rotations.
struct BOFT: PEFTMethod {
    static let kind = "BOFT"
    static let parts = ["boft_R", "boft_s"]
    static let keys: Set<String> = [
        "boft_block_num", "boft_block_size", "boft_dropout", "boft_n_butterfly_factor",
        "fan_in_fan_out", "init_weights",
    ]

    init(_ keys: PEFTKeys) {}

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let part = Self.parts[0]
        let (factors, size) = (try module.length(part, 0), try module.length(part, 2))
        let blocks = module.inputs / size
        guard module.inputs % size == 0 else {
            throw try module.misfit(part, expected: [factors, blocks, size, size])
        }
        // The last of several factors joins 2^(factors - 1) blocks, and orders halves of them.
        guard factors == 1 || factors < 32 && blocks % (1 << (factors - 1)) == 0 && size % 2 == 0
        else {
            throw AdapterError.unsupportedTensor(
                file: module.file, tensor: try module.tensor(part).name,
                reason:
                    "has \(factors) butterfly factors, which \(blocks) blocks of \(size) inputs do "
                    + "not allow")
        }
        let values = try module.values(part, [factors, blocks, size, size])
        let steps = (0..<factors).map { factor in
            ButterflyFactor(
                order: factor == 0
                    ? nil : ButterflyFactor.order(inputs: module.inputs, half: size / 2, factor),
                rotation: BlockRotation(
                    (0..<blocks).map { block in
                        Self.skew(values, from: (factor * blocks + block) * size * size, size)
                            .cayley
                    }))
        }
        let scales = ScaledRows(factors: try module.values("boft_s", [module.outputs, 1]))
        return ModuleChange(.rows(ScaledButterfly(factors: steps, scales: scales)))
    }

    /// The skew-symmetric part of a matrix.
    private static func skew(_ values: [Float], from first: Int, _ size: Int) -> SquareMatrix {
        var skew = SquareMatrix(size: size)
        for row in 0..<size {
            for column in 0..<size {
                let value = Double(values[first + row * size + column])
                skew[row, column] = (value - Double(values[first + column * size + row])) / 2
            }
        }
        return skew
    }
}

/// Blocks that are rotated in an order of the inputs.
private struct ButterflyFactor: RowChange {
    /// By a place in the row, its place among the blocks; nil where they are the same.
    let order: [Int]?
    let rotation: BlockRotation

    /// The order of a factor: groups of 2^factor blocks, in which halves of blocks at even places stand before the others.
    static func order(inputs: Int, half: Int, _ factor: Int) -> [Int] {
        let halves = 2 << factor
        let places =
            Array(stride(from: 0, to: halves, by: 2)) + Array(stride(from: 1, to: halves, by: 2))
        return (0..<inputs).map { index in
            let (group, place) = index.quotientAndRemainder(dividingBy: halves * half)
            return group * halves * half + places[place / half] * half + place % half
        }
    }

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        guard let order else { return rotation.change(row: row, values) }
        var ordered = [Float](repeating: 0, count: values.count)
        for (place, other) in order.enumerated() { ordered[other] = values[place] }
        ordered.withUnsafeMutableBufferPointer { rotation.change(row: row, $0) }
        for (place, other) in order.enumerated() { values[place] = ordered[other] }
    }
}

private struct ScaledButterfly: RowChange {
    let factors: [ButterflyFactor]
    let scales: ScaledRows

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        for factor in factors { factor.change(row: row, values) }
        scales.change(row: row, values)
    }
}
