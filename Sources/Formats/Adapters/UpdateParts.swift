/// The updates of single weights that two halves of an adapter's file hold, B's rows in the order of the file.
struct UpdateParts {
    private(set) var updates: [LowRankUpdate] = []

    private let file: String
    private let a: StoredTensor
    private let b: StoredTensor

    /// - Parameters:
    ///   - scale: of an update of this rank; it may refuse the rank
    /// - Throws: `AdapterError` where the halves do not fit the base.
    init(
        _ tensors: AdapterTensors, _ target: AdapterTensors.Target,
        _ halves: (a: StoredTensor, b: StoredTensor), scale: (Int) throws -> Float
    ) throws {
        file = tensors.file
        (a, b) = halves
        let role = target.role
        // Those of all experts, or one.
        let weights = tensors.weights.weights(for: role)
        guard let shape = weights.first?.canonicalShape, shape.count == 2 else {
            throw AdapterError.unsupportedTensor(
                file: file, tensor: a.name, reason: "updates a weight that is no matrix")
        }
        let (experts, outputs, inputs) = (weights.count, shape[0], shape[1])
        switch target.form {
        case .matrix:
            let rank = a.shape.first ?? 1
            try check([rank, inputs], [outputs, rank], rank: rank)
            let factor = try scale(rank)
            updates = [
                LowRankUpdate(
                    role: role, rank: rank, a: try tensors.values(of: a),
                    b: try tensors.values(of: b), rows: tensors.form(of: role).rows,
                    columns: tensors.form(of: role).columns, scale: factor)
            ]
        case .embedding, .embeddingRows:
            let rank = b.shape.last ?? 1
            let ofRows = target.form == .embeddingRows
            let rows = tensors.rows(ofEmbedding: outputs, in: ofRows ? a.shape.first : a.shape.last)
            try check(ofRows ? [rows, rank] : [rank, rows], [inputs, rank], rank: rank)
            let factor = try scale(rank)
            let (first, second) = (try tensors.values(of: a), try tensors.values(of: b))
            let byRow = ofRows ? first : AdapterTensors.transposed(first, a.shape)
            // Padding has no update.
            let padding = [Float](repeating: 0, count: max(0, outputs - rows) * rank)
            updates = [
                LowRankUpdate(
                    role: role, rank: rank, a: AdapterTensors.transposed(second, b.shape),
                    b: byRow.prefix(outputs * rank) + padding, rows: .same, scale: factor)
            ]
        case .stack:
            let rank = a.shape.count == 3 ? a.shape[1] : 1
            try check([experts, rank, inputs], [experts, outputs, rank], rank: rank)
            let factor = try scale(rank)
            let (first, second) = (try tensors.values(of: a), try tensors.values(of: b))
            updates = (0..<experts).map { expert in
                func part(_ values: [Float], _ count: Int) -> [Float] {
                    Array(values[(expert * count)..<((expert + 1) * count)])
                }
                return LowRankUpdate(
                    role: WeightRole(role.slot, expert: expert), rank: rank,
                    a: part(first, rank * inputs), b: part(second, outputs * rank), rows: .same,
                    scale: factor)
            }
        case .parameter(let slots):
            updates = try parameter(
                tensors, slots, of: role, experts: experts, (outputs, inputs), scale)
        }
    }

    /// The updates of a parameter that holds weights of all experts.
    private func parameter(
        _ tensors: AdapterTensors, _ slots: [BlockSlot], of role: WeightRole, experts: Int,
        _ shape: (outputs: Int, inputs: Int), _ scale: (Int) throws -> Float
    ) throws -> [LowRankUpdate] {
        guard let block = role.block else { return [] }
        guard !tensors.base.form(of: role, in: .safetensors).isTransposed else {
            throw AdapterError.unsupportedTensor(
                file: file, tensor: a.name,
                reason:
                    "updates experts that are stored as their transposes, which is not supported")
        }
        let (outputs, inputs) = shape
        let all = a.shape.first ?? 0
        let rank = max(1, all / experts)
        try check(
            [rank * experts, inputs], [slots.count * outputs, rank * experts], rank: rank)
        let factor = try scale(rank)
        let (first, second) = (try tensors.values(of: a), try tensors.values(of: b))
        return (0..<experts).flatMap { expert in
            slots.enumerated().map { place, slot in
                let rows = (place * outputs)..<((place + 1) * outputs)
                return LowRankUpdate(
                    role: WeightRole(.block(block, slot), expert: expert), rank: rank,
                    a: Array(first[(expert * rank * inputs)..<((expert + 1) * rank * inputs)]),
                    b: rows.flatMap { row in
                        (0..<rank).map { second[row * all + $0 * experts + expert] }
                    }, rows: .same, scale: factor)
            }
        }
    }

    private func check(
        _ shapeA: [Int], _ shapeB: [Int], rank: Int
    ) throws(AdapterError) {
        guard rank > 0, a.shape == shapeA else {
            throw .wrongShape(file: file, tensor: a.name, found: a.shape, expected: shapeA)
        }
        guard b.shape == shapeB else {
            throw .wrongShape(file: file, tensor: b.name, found: b.shape, expected: shapeB)
        }
    }
}
