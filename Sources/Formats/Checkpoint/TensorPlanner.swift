/// Plans single tensors of an output: what the edits make of them, their rows in the order of the output's format.
struct TensorPlanner {
    let source: Checkpoint
    let changes: EditList
    /// The format of the output.
    let format: Checkpoint.Format
    /// The model's numbers; rows are only reordered where they are known.
    let numbers: Hyperparameters?

    /// The tensor that a tensor of the source becomes.
    ///
    /// - Parameter type: its type where no edit gives another.
    /// - Throws: `CheckpointError` where an edit does not fit the tensor or its type cannot be written.
    func tensor(
        named name: String, from tensor: CheckpointTensor, as type: ElementType, shard: Int = 0
    ) throws(CheckpointError) -> OutputPlan.Tensor {
        let change = tensor.role.flatMap { changes.weights[$0] }
        let description = TensorDescription(
            name: name, type: change?.type ?? type, shape: tensor.shape)
        let order = rowOrder(of: tensor.role)
        let updates = change?.updates ?? []
        if let change {
            try check(change, of: description)
            if change.values == nil, !Dequantizer.isSupported(tensor.type) {
                throw .cannotExpress(
                    fact: "tensor '\(tensor.name)' is \(tensor.type.name), to which nothing can "
                        + "be added")
            }
        }
        let content =
            change?.values.map { TensorContent.values($0, order: order, adding: updates) }
            ?? .tensor(tensor, order: order, adding: updates)
        return planned(description, content, shard: shard)
    }

    /// A tensor that the source does not have: an edit's values, or zeros.
    ///
    /// - Throws: `CheckpointError` where the values are not those of the shape, or an edit adds to what is not there.
    func newTensor(
        named name: String, role: WeightRole, shape: [Int], shard: Int = 0
    ) throws(CheckpointError) -> OutputPlan.Tensor {
        let change = changes.weights[role] ?? WeightChange()
        if change.values == nil, !change.updates.isEmpty {
            throw .missingTensor(file: source.path, name: name)
        }
        let description = TensorDescription(name: name, type: change.type ?? .f32, shape: shape)
        let count = description.elementCount ?? 0
        try check(change, of: description)
        return planned(
            description,
            .values(
                change.values ?? [Float](repeating: 0, count: count), order: rowOrder(of: role),
                adding: change.updates), shard: shard)
    }

    private func planned(
        _ description: TensorDescription, _ content: TensorContent, shard: Int
    ) -> OutputPlan.Tensor {
        // The elements of a bias are its rows where rows are reordered.
        let isReorderedBias = content.order != .same && description.shape.count == 1
        return OutputPlan.Tensor(
            description, content, columns: isReorderedBias ? 1 : nil, shard: shard)
    }

    private func rowOrder(of role: WeightRole?) -> TensorContent.RowOrder {
        guard let numbers, let role, let architecture = source.architecture else { return .same }
        return architecture.rowOrder(
            of: role, from: source.format, to: format, headSize: numbers.headSize)
    }

    private func check(
        _ change: WeightChange, of tensor: TensorDescription
    ) throws(CheckpointError) {
        if let values = change.values, values.count != tensor.elementCount {
            throw .contradiction(
                file: source.path,
                fact: "\(values.count) values are set for tensor '\(tensor.name)' of shape "
                    + "\(tensor.shape)")
        }
        for update in change.updates where !update.fits(tensor.shape) {
            throw .contradiction(
                file: source.path,
                fact: "an update of rank \(update.rank) with \(update.a.count) values in A and "
                    + "\(update.b.count) in B does not fit tensor '\(tensor.name)' of shape "
                    + "\(tensor.shape)")
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
