/// Two random matrices that all modules share, scaled by learned vectors (VeRA, arXiv 2310.11454): W + Λ_b B Λ_d A. Where
/// the file does not have the matrices, a seed tells them.
struct VeRA: PEFTMethod {
    static let kind = "VERA"
    static let parts = ["vera_lambda_b", "vera_lambda_d"]
    static let sharedParts = ["vera_A", "vera_B"]
    static let keys: Set<String> = [
        "d_initial", "fan_in_fan_out", "init_weights", "projection_prng_key", "r",
        "save_projection", "vera_dropout",
    ]
    static let takesTransposed = true

    private let rank: Int
    /// What the matrices are made from; nil where the file has them.
    private let seed: UInt32?

    init(_ keys: PEFTKeys) throws(AdapterError) {
        rank = try keys.positive("r")
        let isSaved = try keys.flag("save_projection", standard: true)
        seed = isSaved ? nil : try keys.seed("projection_prng_key", standard: 0)
    }

    /// The most numbers that are made from a seed.
    private static let mostNumbers = 1 << 30

    func sharedValues(of modules: [PEFTModule]) throws -> [String: PEFTModule.SharedValues] {
        guard let seed, let first = modules.first else { return [:] }
        // As large as the largest of all modules asks for.
        let outputs = modules.map(\.outputs).max() ?? 0
        let inputs = modules.map(\.inputs).max() ?? 0
        _ = try first.values("vera_lambda_d", [rank])
        guard rank <= Self.mostNumbers / max(outputs, inputs, 1) else {
            throw try first.misfit(
                "vera_lambda_d", expected: [Self.mostNumbers / max(outputs, inputs)])
        }
        var random = MersenneTwister(seed: seed)
        let a = random.kaiming(rank * inputs, columns: inputs)
        let b = random.kaiming(outputs * rank, columns: rank)
        return [
            "vera_A": PEFTModule.SharedValues(shape: [rank, inputs], values: a),
            "vera_B": PEFTModule.SharedValues(shape: [outputs, rank], values: b),
        ]
    }

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let a = try module.shared("vera_A", dimensions: 2)
        let b = try module.shared("vera_B", dimensions: 2)
        guard a.shape[0] == rank, b.shape[1] == rank, a.shape[1] >= module.inputs,
            b.shape[0] >= module.outputs
        else {
            throw AdapterError.unsupportedTensor(
                file: module.file, tensor: module.names.inFile,
                reason: "needs vera_A \([rank, module.inputs]) and vera_B "
                    + "\([module.outputs, rank]), but they have \(a.shape) and \(b.shape)")
        }
        return ModuleChange(
            .rows(
                SharedProduct(
                    a: a, b: b, inner: try module.values("vera_lambda_d", [rank]),
                    outer: try module.values("vera_lambda_b", [module.outputs]))))
    }
}

/// The product of the upper rows of B and the left columns of A.
private struct SharedProduct: RowChange {
    let a: PEFTModule.SharedValues
    let b: PEFTModule.SharedValues
    let inner: [Float]
    let outer: [Float]

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        var sums = [Float](repeating: 0, count: values.count)
        for (step, factor) in inner.enumerated() {
            let left = outer[row] * b.values[row * inner.count + step]
            let first = step * a.shape[1]
            for column in sums.indices {
                sums[column] += left * (factor * a.values[first + column])
            }
        }
        for column in values.indices { values[column] += sums[column] }
    }
}
