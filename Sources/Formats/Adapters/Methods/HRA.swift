/// Inputs reflected one time after the other (HRA, arXiv 2405.17484): W · Π (I − 2 u uᵀ), with u of length 1.
struct HRA: PEFTMethod {
    static let kind = "HRA"
    static let parts = ["hra_u"]
    static let keys: Set<String> = ["apply_GS", "init_weights", "r"]

    private let rank: Int
    /// Whether the directions are made orthogonal to each other first.
    private let isOrthogonal: Bool

    init(_ keys: PEFTKeys) throws(AdapterError) {
        rank = try keys.positive("r")
        isOrthogonal = try keys.flag("apply_GS")
    }

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let values = try module.values(Self.parts[0], [module.inputs, rank])
        var directions: [[Double]] = []
        for column in 0..<rank {
            var direction = (0..<module.inputs).map { Double(values[$0 * rank + column]) }
            if isOrthogonal {
                for other in directions {
                    let share = zip(direction, other).reduce(0) { $0 + $1.0 * $1.1 }
                    for index in direction.indices { direction[index] -= share * other[index] }
                }
            }
            let length = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
            guard length > 0 else {
                throw AdapterError.unsupportedTensor(
                    file: module.file, tensor: try module.tensor(Self.parts[0]).name,
                    reason: "has a direction without a length, column \(column)")
            }
            directions.append(direction.map { $0 / length })
        }
        return ModuleChange(.rows(Reflections(directions: directions.map { $0.map(Float.init) })))
    }
}

private struct Reflections: RowChange {
    let directions: [[Float]]

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        for direction in directions {
            var share: Float = 0
            for column in values.indices { share += values[column] * direction[column] }
            for column in values.indices { values[column] -= 2 * share * direction[column] }
        }
    }
}
