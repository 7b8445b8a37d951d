/// Plans single tensors of an output: what the edits make of them, their rows in the order of the output's format.
struct TensorPlanner {
    let source: Checkpoint
    let changes: EditList
    /// The format of the output.
    let format: FileFormat
    /// What decides the types that no edit gives.
    let types: OutputTypes

    init(source: Checkpoint, changes: EditList, format: FileFormat) {
        self.source = source
        self.changes = changes
        self.format = format
        types = OutputTypes(changes.types ?? .keep, of: source, in: format)
    }

    /// The tensor that a tensor of the source becomes.
    ///
    /// - Parameter rows: how many of its rows are kept; nil for all.
    /// - Throws: `CheckpointError` where an edit does not fit the tensor or its type cannot be written; as
    ///   `OutputTypes.type`.
    func tensor(
        named name: String, from tensor: WeightTensor, rows: Int? = nil, shard: Int = 0
    ) throws -> OutputPlan.Tensor {
        if let edited = try editedExperts(named: name, of: tensor, shard: shard) {
            return edited
        }
        let change = tensor.role.flatMap { changes.weights[$0] } ?? WeightChange()
        var shape = form(of: tensor).shape(of: tensor.canonicalShape)
        if let rows, let first = shape.first { shape[0] = min(rows, first) }
        let description = TensorDescription(
            name: name, type: try change.type ?? types.type(of: tensor, named: name), shape: shape)
        return OutputPlan.Tensor(
            description, try content(of: tensor, change, as: description), shard: shard)
    }

    /// One tensor for the matrices of all experts, which the source has one by one.
    ///
    /// - Throws: as `tensor`.
    func stack(
        named name: String, from tensors: [WeightTensor], shard: Int = 0
    ) throws -> OutputPlan.Tensor {
        let matrix = tensors.first?.canonicalShape ?? []
        let asked = Set(tensors.compactMap { $0.role.flatMap { changes.weights[$0]?.type } })
        guard asked.count < 2 else {
            throw CheckpointError.cannotExpress(
                fact: "tensor '\(name)' holds all experts and has one type, but edits ask for "
                    + asked.map(\.name).sorted().joined(separator: " and "))
        }
        let type =
            try asked.first ?? tensors.first.map { try types.type(of: $0, named: name) } ?? .f32
        var parts: [TensorContent] = []
        for tensor in tensors {
            let change = tensor.role.flatMap { changes.weights[$0] } ?? WeightChange()
            let own = TensorDescription(name: name, type: type, shape: matrix)
            parts.append(try content(of: tensor, change, as: own))
        }
        return OutputPlan.Tensor(
            TensorDescription(name: name, type: type, shape: [tensors.count] + matrix),
            TensorContent(.parts(parts, rows: matrix.first ?? 0)), shard: shard)
    }

    /// The tensor of all experts where edits touch single ones, or nil.
    private func editedExperts(
        named name: String, of tensor: WeightTensor, shard: Int
    ) throws -> OutputPlan.Tensor? {
        guard let role = tensor.role, role.expert == nil, tensor.shape.count == 3,
            changes.roles.contains(where: { $0.expert != nil && $0.slot == role.slot })
        else { return nil }
        return try stack(named: name, from: tensor.matrices, shard: shard)
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
        let description = TensorDescription(
            name: name, type: change.type ?? types.type(ofNew: name), shape: shape)
        try check(change, of: description, canonicalShape: shape)
        let form = source.form(of: role, in: format)
        let rows = WeightRows(
            change.values?.all, (change.values?.form ?? form).change(to: form), shape: shape)
        return OutputPlan.Tensor(
            description, TensorContent(.rows(rows), adding: updates(change, form)), shard: shard)
    }

    // MARK: - Contents

    private func content(
        of tensor: WeightTensor, _ change: WeightChange, as description: TensorDescription
    ) throws(CheckpointError) -> TensorContent {
        let isRetyped = description.type != tensor.type
        if change.values != nil || !change.updates.isEmpty || isRetyped {
            try check(change, of: description, canonicalShape: tensor.canonicalShape)
        }
        if change.values == nil, !change.updates.isEmpty, !Dequantizer.isSupported(tensor.type) {
            throw .cannotExpress(
                fact: "tensor '\(tensor.name)' is \(tensor.type.name), to which nothing can "
                    + "be added")
        }
        let form = form(of: tensor)
        let own = WeightRows(tensor.stored, tensor.form.change(to: form))
        let updates = updates(change, form)
        guard let values = change.values else {
            return TensorContent(.rows(own), adding: updates)
        }
        return TensorContent(
            .rows(WeightRows(values.all, values.form.change(to: form), shape: description.shape)),
            adding: updates, former: own.isReadable ? own : nil)
    }

    /// How the output lays a tensor of the source out.
    private func form(of tensor: WeightTensor) -> StorageForm {
        guard format != source.format, let role = tensor.role else { return tensor.form }
        return source.form(of: role, in: format)
    }

    /// The updates of a weight as they are added to its rows in the output.
    private func updates(_ change: WeightChange, _ form: StorageForm) -> [LowRankUpdate] {
        change.updates.map { update in
            let ordered = update.with(rows: form.rows)
            return form.isTransposed ? ordered.transposed : ordered
        }
    }

    private func check(
        _ change: WeightChange, of tensor: TensorDescription, canonicalShape: [Int]
    ) throws(CheckpointError) {
        if let values = change.values?.all, values.count != tensor.elementCount {
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
