/// Plans single tensors of an output: what the edits make of them, their rows in the order of the output's format.
struct TensorPlanner {
    let source: Checkpoint
    let changes: EditList
    /// The format of the output.
    let format: FileFormat
    /// What decides the types that no edit gives.
    let types: OutputTypes
    /// What the output is where that is not what the source is; nil where the source's tensors are the output's.
    private let target: TargetModel?

    init(source: Checkpoint, changes: EditList, format: FileFormat) {
        self.source = source
        self.changes = changes
        self.format = format
        types = OutputTypes(changes.types ?? .keep, of: source, in: format)
        target = changes.model ?? (format == source.format ? nil : try? source.model())
    }

    /// The tensors that a tensor of the source becomes: several where it is a fused matrix, and the family that the output
    /// is to be has its parts by themselves in files of the output's format.
    func pieces(of tensor: WeightTensor) -> [WeightTensor] {
        guard let target else { return [tensor] }
        return target.architecture.pieces(of: tensor, in: target.numbers, format)
    }

    /// What an output of the source's own format calls a tensor of the source.
    ///
    /// - Throws: `CheckpointError.cannotExpress` where the family that the output is to be has no such weight.
    func name(of tensor: WeightTensor) throws(CheckpointError) -> String {
        guard let model = changes.model, let role = tensor.role else { return tensor.name }
        guard let name = model.architecture.name(of: role, in: format) else {
            throw .cannotExpress(
                fact: "architecture '\(model.architecture)' has no place for tensor "
                    + "'\(tensor.name)' of \(source.path)")
        }
        return name
    }

    /// The tensor that a tensor of the source becomes.
    ///
    /// - Parameter rows: how many of its rows are kept; nil for all.
    /// - Throws: `CheckpointError` where an edit does not fit the tensor or its type cannot be written; as
    ///   `OutputTypes.type`.
    func tensor(
        named name: String, from tensor: WeightTensor, rows: Int? = nil, shard: Int = 0
    ) throws -> OutputPlan.Tensor {
        if let experts = try separateExperts(named: name, of: tensor, shard: shard) {
            return experts
        }
        let change = tensor.role.flatMap { changes.weights[$0] }
        try checkScales(of: tensor, change)
        var shape = shape(of: tensor)
        if let rows, let first = shape.first { shape[0] = min(rows, first) }
        let values = try change?.rows ?? grownScales(of: tensor)
        var own = try content(of: tensor, named: name, values, shape: shape)
        if let rows, let first = own.shape.first { own.shape[0] = min(rows, first) }
        let type =
            try change?.type ?? keptBlocks(of: [tensor]) ?? types.type(of: tensor, named: name)
        let description = TensorDescription(
            name: name, type: type, shape: form(of: tensor).shape(of: own.shape))
        if rows == nil { try check(description.shape, of: tensor.role, name) }
        if change != nil || type != tensor.type { try check(description, own.content) }
        return OutputPlan.Tensor(description, own.content, shard: shard)
    }

    /// One tensor for matrices of one shape that the source has one by one: those of all experts, or the parts of a fused
    /// matrix.
    ///
    /// - Parameter isFused: whether it is a matrix with the rows of all; else there is a dimension for their number.
    /// - Throws: as `tensor`.
    func stack(
        named name: String, from tensors: [WeightTensor], isFused: Bool = false, shard: Int = 0
    ) throws -> OutputPlan.Tensor {
        let matrix = tensors.first.map(shape) ?? []
        let stored = tensors.first.map { form(of: $0).shape(of: matrix) } ?? matrix
        let asked = Set(tensors.compactMap { $0.role.flatMap { changes.weights[$0]?.type } })
        guard asked.count < 2 else {
            throw CheckpointError.cannotExpress(
                fact: "tensor '\(name)' holds all parts and has one type, but edits ask for "
                    + asked.map(\.name).sorted().joined(separator: " and "))
        }
        let type =
            try asked.first ?? keptBlocks(of: tensors)
            ?? tensors.first.map { try types.type(of: $0, named: name) } ?? .f32
        var parts: [TensorContent] = []
        for tensor in tensors {
            let rows = tensor.role.flatMap { changes.weights[$0]?.rows }
            let own = try content(of: tensor, named: name, rows, shape: matrix)
            guard own.shape == matrix else {
                throw CheckpointError.wrongShape(
                    file: source.path, tensor: name, found: own.shape, expected: matrix)
            }
            if rows != nil || type != tensor.type {
                try check(
                    TensorDescription(name: name, type: type, shape: stored), own.content)
            }
            parts.append(own.content)
        }
        var shape = [tensors.count] + stored
        if isFused, let rows = stored.first { shape = [tensors.count * rows] + stored.dropFirst() }
        return OutputPlan.Tensor(
            TensorDescription(name: name, type: type, shape: shape),
            TensorContent(.parts(parts, rows: stored.first ?? 0)), shard: shard)
    }

    /// The matrix of a folder that holds a gated delta net's queries, keys, values and gates, head of keys by head.
    ///
    /// - Throws: as `tensor`; `CheckpointError.cannotExpress` where edits change one, or rows are missing.
    func deltaMatrix(
        named name: String, role: WeightRole, from parts: [WeightTensor]
    ) throws -> OutputPlan.Tensor {
        let slots = parts.map(\.role?.slot)
        guard !changes.roles.contains(where: { slots.contains($0.slot) }) else {
            throw CheckpointError.cannotExpress(
                fact:
                    "'\(name)' holds two weights head by head, of which edits cannot change one while the "
                    + "format is changed: write the edit first, then convert")
        }
        guard let sizes = try source.storedHyperparameters().deltaNet,
            let matrix = WeightTensor.deltaMatrix(of: parts, role: role, sizes)
        else {
            throw CheckpointError.cannotExpress(
                fact: "'\(name)' holds \(parts.count) weights of other shapes than its rows have")
        }
        return try tensor(named: name, from: matrix)
    }

    /// One tensor for two of one shape whose rows lie by turns in one matrix in files of the output's format: of matrices
    /// of experts, or of their biases.
    ///
    /// - Throws: as `tensor`; `CheckpointError.cannotExpress` where edits change one.
    func turns(named name: String, from tensors: [WeightTensor]) throws -> OutputPlan.Tensor? {
        guard let first = tensors.first, let second = tensors.last, tensors.count == 2,
            let role = first.role, let fused = role.fusedExperts, first.shape == second.shape
        else { return nil }
        guard
            !changes.roles.contains(where: { [first, second].map(\.role?.slot).contains($0.slot) })
        else {
            throw CheckpointError.cannotExpress(
                fact:
                    "'\(name)' holds two weights by turns, of which edits cannot change one while the "
                    + "format is changed: write the edit first, then convert")
        }
        let type = try types.type(of: first, named: name)
        let layout = form(of: fused)
        func content(_ tensor: WeightTensor) -> TensorContent {
            .weight(tensor, tensor.form.change(to: layout))
        }
        guard role.part == .weight else {
            let shape = [first.shape[0], 2 * first.shape[1]]
            return OutputPlan.Tensor(
                TensorDescription(name: name, type: type, shape: shape),
                TensorContent(.turns(content(first), content(second))))
        }
        let parts = zip(first.matrices, second.matrices).map {
            TensorContent(.turns(content($0), content($1)))
        }
        let matrix = layout.shape(of: Array(first.canonicalShape.dropFirst()))
        let shape = [parts.count, matrix[0], 2 * matrix[1]]
        return OutputPlan.Tensor(
            TensorDescription(name: name, type: type, shape: shape),
            TensorContent(.parts(parts, rows: matrix[0])))
    }

    /// The tensor of all experts where edits touch single ones, or the output has the transpose of each; else nil.
    private func separateExperts(
        named name: String, of tensor: WeightTensor, shard: Int
    ) throws -> OutputPlan.Tensor? {
        guard let role = tensor.role, role.expert == nil, tensor.shape.count == 3,
            form(of: tensor).isTransposed != tensor.form.isTransposed
                || changes.roles.contains(where: { $0.expert != nil && $0.slot == role.slot })
        else { return nil }
        return try stack(named: name, from: tensor.matrices, shard: shard)
    }

    /// A tensor that the source does not have: what an edit gives it, or zeros.
    ///
    /// - Parameter shape: of an embedding or head whose last rows are left out, that of the rows which are kept.
    /// - Throws: `CheckpointError` where the values are not those of the shape, or an edit adds to what is not there.
    func newTensor(
        named name: String, role: WeightRole, shape: [Int], shard: Int = 0
    ) throws(CheckpointError) -> OutputPlan.Tensor {
        let change = changes.weights[role]
        let form = form(of: role)
        var content = TensorContent(.rows(WeightRows(nil, shape: shape)))
        if let rows = change?.rows {
            let resolver = RowResolver(file: source.path, name: name, form: form, present: nil)
            var own = try resolver.resolve(rows, shape: form.shape(of: shape))
            if role.slot == .output, cutsEmbedding, let first = own.shape.first {
                own.shape[0] = min(first, shape.first ?? first)
            }
            guard form.shape(of: own.shape) == shape else {
                throw .wrongShape(
                    file: source.path, tensor: name, found: form.shape(of: own.shape),
                    expected: shape)
            }
            content = own.content
        }
        let description = TensorDescription(
            name: name, type: change?.type ?? types.type(ofNew: name), shape: shape)
        try check(description, content)
        return OutputPlan.Tensor(description, content, shard: shard)
    }

    // MARK: - Contents

    private func content(
        of tensor: WeightTensor, named name: String, _ rows: RowSource?, shape: [Int]
    ) throws(CheckpointError) -> RowResolver.Resolved {
        let resolver = RowResolver(
            file: source.path, name: name, form: form(of: tensor), present: tensor)
        let own = try resolver.resolve(rows ?? .present, shape: shape)
        return rows == nil ? (own.content, shape) : own
    }

    /// The canonical shape of new values in place of a tensor of the source: its own, but in a model of other numbers theirs.
    private func shape(of tensor: WeightTensor) -> [Int] {
        guard let model = changes.model, let role = tensor.role, changes.weights[role] != nil,
            let rule = model.architecture.rule(for: role.slot)
        else { return tensor.canonicalShape }
        let shape = rule.shape(of: role, in: model.numbers)
        return role.expert == nil ? shape : Array(shape.dropFirst())
    }

    /// Whether the output has no embeddings beyond the tokenizer's tokens, which the source may have.
    private var cutsEmbedding: Bool {
        format == .gguf && format != source.format
            && (changes.model?.architecture ?? source.architecture)?.cutsEmbedding ?? false
    }

    /// How the output lays a tensor of the source out.
    private func form(of tensor: WeightTensor) -> StorageForm {
        guard let role = tensor.role,
            format != source.format || changes.model != nil || tensor.packed != nil
        else {
            var form = tensor.form
            form.factor *= scaleGrowth(of: tensor)
            return form
        }
        var form = form(of: role)
        if format == source.format {
            form.factor = tensor.form.factor * scaleGrowth(of: tensor)
        }
        return form
    }

    /// How the output lays a weight out.
    private func form(of role: WeightRole) -> StorageForm {
        guard let model = changes.model else { return source.form(of: role, in: format) }
        return model.architecture.form(of: role, in: format, model.numbers)
    }

    /// - Throws: `CheckpointError.wrongShape` where the numbers of the model that the output is to be ask for another
    ///   shape.
    private func check(_ shape: [Int], of role: WeightRole?, _ name: String) throws(CheckpointError)
    {
        guard let model = changes.model, let role,
            let rule = model.architecture.rule(for: role.slot)
        else { return }
        let expected = rule.shape(of: role, in: model.numbers, format: format)
        guard shape == expected else {
            throw .wrongShape(file: source.path, tensor: name, found: shape, expected: expected)
        }
    }

    /// - Throws: `CheckpointError.cannotExpress` where the tensor's values cannot be stored in its type.
    func check(
        _ tensor: TensorDescription, _ content: TensorContent
    ) throws(CheckpointError) {
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
        if let columns = content.splitBlock(of: tensor.type) {
            throw .cannotExpress(
                fact: "tensor '\(tensor.name)': what stands beside its first \(columns) columns "
                    + "shares a \(tensor.type.name) block of \(tensor.type.elementsPerBlock) with "
                    + "them, which would be quantised anew; store the tensor in a plain type")
        }
    }
}
