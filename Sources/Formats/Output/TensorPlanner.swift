/// Plans single tensors of an output: what the edits make of them, their rows in the order of the output's format.
struct TensorPlanner {
    let source: Checkpoint
    let changes: EditList
    /// The format of the output.
    let format: FileFormat
    /// The model's numbers; rows are only reordered where they are known.
    let numbers: Hyperparameters?

    /// The tensor that a tensor of the source becomes.
    ///
    /// - Parameters:
    ///   - type: its type where no edit gives another.
    ///   - rows: how many of its rows are kept; nil for all.
    /// - Throws: `CheckpointError` where an edit does not fit the tensor or its type cannot be written.
    func tensor(
        named name: String, from tensor: CheckpointTensor, as type: ElementType, rows: Int? = nil,
        shard: Int = 0
    ) throws(CheckpointError) -> OutputPlan.Tensor {
        if let edited = try editedExperts(named: name, of: tensor, as: type, shard: shard) {
            return edited
        }
        let change = tensor.role.flatMap { changes.weights[$0] } ?? WeightChange()
        var shape =
            isTransposed(tensor.role) ? tensor.canonicalShape.reversed() : tensor.canonicalShape
        if let rows, let first = shape.first { shape[0] = min(rows, first) }
        let description = TensorDescription(name: name, type: change.type ?? type, shape: shape)
        return planned(
            description, try content(of: tensor, change, as: description), role: tensor.role,
            shard: shard)
    }

    /// One tensor for the matrices of all experts, which the source has one by one.
    ///
    /// - Throws: as `tensor`.
    func stack(
        named name: String, from tensors: [CheckpointTensor], as type: ElementType, shard: Int = 0
    ) throws(CheckpointError) -> OutputPlan.Tensor {
        let matrix = tensors.first?.canonicalShape ?? []
        let types = Set(tensors.compactMap { $0.role.flatMap { changes.weights[$0]?.type } })
        guard types.count < 2 else {
            throw .cannotExpress(
                fact: "tensor '\(name)' holds all experts and has one type, but edits ask for "
                    + types.map(\.name).sorted().joined(separator: " and "))
        }
        let type = types.first ?? type
        var parts: [TensorContent] = []
        for tensor in tensors {
            let change = tensor.role.flatMap { changes.weights[$0] } ?? WeightChange()
            let own = TensorDescription(name: name, type: type, shape: matrix)
            parts.append(try content(of: tensor, change, as: own))
        }
        return OutputPlan.Tensor(
            TensorDescription(name: name, type: type, shape: [tensors.count] + matrix),
            TensorContent(origin: .parts(parts, rows: matrix.first ?? 0)), shard: shard)
    }

    /// The tensor of all experts where edits touch single ones, or nil.
    private func editedExperts(
        named name: String, of tensor: CheckpointTensor, as type: ElementType, shard: Int
    ) throws(CheckpointError) -> OutputPlan.Tensor? {
        guard let role = tensor.role, role.expert == nil, tensor.shape.count == 3,
            changes.roles.contains(where: { $0.expert != nil && $0.slot == role.slot })
        else { return nil }
        let matrices = (0..<tensor.shape[0]).compactMap { tensor.matrix(ofExpert: $0) }
        return try stack(named: name, from: matrices, as: type, shard: shard)
    }

    /// A tensor that the source does not have: an edit's values, or zeros.
    ///
    /// - Throws: `CheckpointError` where the values are not those of the shape, or an edit adds to what is not there.
    func newTensor(
        named name: String, role: WeightRole, shape: [Int], shard: Int = 0
    ) throws(CheckpointError) -> OutputPlan.Tensor {
        var change = changes.weights[role] ?? WeightChange()
        if change.values == nil, !change.updates.isEmpty {
            throw .missingTensor(file: source.path, name: name)
        }
        let description = TensorDescription(name: name, type: change.type ?? .f32, shape: shape)
        let count = description.elementCount ?? 0
        try check(change, of: description, canonicalShape: shape)
        change.values = change.values ?? [Float](repeating: 0, count: count)
        return planned(
            description, content(of: nil, change, role: role), role: role, shard: shard)
    }

    // MARK: - Contents

    private func content(
        of tensor: CheckpointTensor, _ change: WeightChange, as description: TensorDescription
    ) throws(CheckpointError) -> TensorContent {
        if change.values != nil || !change.updates.isEmpty || change.type != nil {
            try check(change, of: description, canonicalShape: tensor.canonicalShape)
        }
        if change.values == nil, !change.updates.isEmpty, !Dequantizer.isSupported(tensor.type) {
            throw .cannotExpress(
                fact: "tensor '\(tensor.name)' is \(tensor.type.name), to which nothing can "
                    + "be added")
        }
        return content(of: tensor, change, role: tensor.role)
    }

    /// A tensor's data, or an edit's values, which are canonical, in the form of the output's format.
    private func content(
        of tensor: CheckpointTensor?, _ change: WeightChange, role: WeightRole?
    ) -> TensorContent {
        let rule = role.flatMap { source.architecture?.rule(for: $0.slot) }
        let isTransposed = isTransposed(role)
        let shift = role.flatMap { rule?.shift(of: $0, in: format) } ?? 0
        let updates = isTransposed ? change.updates.map(\.transposed) : change.updates
        let order = rowOrder(of: role)
        if let values = change.values {
            let former = tensor.flatMap { tensor in
                !Dequantizer.isSupported(tensor.type)
                    ? nil
                    : TensorContent.Former(
                        tensor: tensor, isTransposed: isTransposed != tensor.isTransposed,
                        shift: tensor.shift - shift)
            }
            return TensorContent(
                origin: .values(values), order: order, isTransposed: isTransposed, shift: -shift,
                updates: updates, former: former)
        }
        guard let tensor else { return .values([], order: order) }
        return TensorContent(
            origin: .tensor(tensor), order: order,
            isTransposed: isTransposed != tensor.isTransposed, shift: tensor.shift - shift,
            updates: updates)
    }

    private func planned(
        _ description: TensorDescription, _ content: TensorContent, role: WeightRole?, shard: Int
    ) -> OutputPlan.Tensor {
        // The elements of a bias are its rows where rows are reordered.
        let isReorderedBias = content.order != .same && description.shape.count == 1
        return OutputPlan.Tensor(
            description, content, columns: isReorderedBias ? 1 : nil, shard: shard)
    }

    /// Whether the output's format holds the transpose of the canonical weight.
    private func isTransposed(_ role: WeightRole?) -> Bool {
        guard let role, let rule = source.architecture?.rule(for: role.slot) else { return false }
        return rule.isTransposed(role, in: format)
    }

    private func rowOrder(of role: WeightRole?) -> TensorContent.RowOrder {
        guard let numbers, let role, let architecture = source.architecture else { return .same }
        return architecture.rowOrder(of: role, from: source.format, to: format, numbers: numbers)
    }

    private func check(
        _ change: WeightChange, of tensor: TensorDescription, canonicalShape: [Int]
    ) throws(CheckpointError) {
        if let values = change.values, values.count != tensor.elementCount {
            throw .contradiction(
                file: source.path,
                fact: "\(values.count) values are set for tensor '\(tensor.name)' of shape "
                    + "\(tensor.shape)")
        }
        for update in change.updates where !update.fits(canonicalShape) {
            throw .contradiction(
                file: source.path,
                fact: "an update of rank \(update.rank) with \(update.a.count) values in A and "
                    + "\(update.b.count) in B does not fit tensor '\(tensor.name)' of shape "
                    + "\(canonicalShape)")
        }
        guard RowEncoder.isSupported(tensor.type) else {
            throw .cannotExpress(
                fact: "tensor '\(tensor.name)' cannot be written as \(tensor.type.name)")
        }
        guard !tensor.type.isQuantized || tensor.shape.count > 1 else {
            throw .cannotExpress(
                fact: "tensor '\(tensor.name)' is a vector, which cannot be \(tensor.type.name)")
        }
        guard tensor.columns % tensor.type.elementsPerBlock == 0 else {
            throw .cannotExpress(
                fact: "tensor '\(tensor.name)': rows of \(tensor.columns) elements are no whole "
                    + "number of \(tensor.type.name) blocks of \(tensor.type.elementsPerBlock)")
        }
    }
}

extension LowRankUpdate {
    /// The update of the transposed weight: (B · A)ᵀ = Aᵀ · Bᵀ.
    var transposed: LowRankUpdate {
        func transpose(_ values: [Float], rows: Int, columns: Int) -> [Float] {
            (0..<columns).flatMap { column in (0..<rows).map { values[$0 * columns + column] } }
        }
        return LowRankUpdate(
            role: role, rank: rank, a: transpose(b, rows: outputs, columns: rank),
            b: transpose(a, rows: rank, columns: inputs), scale: scale)
    }
}
