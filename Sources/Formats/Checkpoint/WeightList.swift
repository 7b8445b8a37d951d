/// The weights of a checkpoint one by one: of a tensor that holds those of all experts, each one's matrix.
struct WeightList: Sendable {
    let checkpoint: Checkpoint
    /// The family by which names are understood: the checkpoint's own, or another's for bare weights.
    let architecture: Architecture?
    /// In the order of the files.
    let weights: [WeightTensor]
    /// The numbers that orders of rows follow from; nil where they are not asked for.
    private let numbers: Result<Hyperparameters, any Error>?
    private let places: [WeightRole: Int]

    /// The weights as the checkpoint itself knows them.
    init(_ checkpoint: Checkpoint) {
        self.init(checkpoint, checkpoint.architecture, numbers: nil)
    }

    /// - Parameters:
    ///   - architecture: the family that tells the roles of bare weights
    ///   - numbers: those of the model, where weights are brought into another format's layout
    ///   - other: the family and the format of the weights they are held against, which may have fused ones one by one
    ///   - isByRole: whether weights are told by their roles; else they are the tensors as they are
    init(
        _ checkpoint: Checkpoint, _ architecture: Architecture?,
        numbers: Result<Hyperparameters, any Error>?,
        beside other: (family: Architecture?, format: FileFormat)? = nil,
        isByRole: Bool = true
    ) {
        self.checkpoint = checkpoint
        self.architecture = architecture
        self.numbers = numbers
        let format = checkpoint.format
        let model = try? numbers?.get()
        // Files of one format name these alike.
        let prediction = other?.format == format ? .none : checkpoint.prediction
        func known(_ tensor: WeightTensor) -> WeightTensor {
            if let own = prediction.weights.first(where: { $0.name == tensor.name }) { return own }
            guard checkpoint.isBare, let architecture,
                let role = architecture.role(of: tensor.name, in: format)
            else { return tensor }
            return WeightTensor(
                tensor.storage, role: role, form: architecture.form(of: role, in: format, model))
        }
        func pieces(_ tensor: WeightTensor) -> [WeightTensor] {
            guard let other, let family = other.family, let model else { return [tensor] }
            return family.pieces(of: tensor, in: model, other.format)
        }
        weights =
            isByRole
            ? checkpoint.tensors.flatMap { pieces(known($0)).flatMap(\.matrices) }
            : checkpoint.tensors
        var places: [WeightRole: Int] = [:]
        for (place, weight) in weights.enumerated() {
            if let role = weight.role, places[role] == nil { places[role] = place }
        }
        self.places = places
    }

    // MARK: - Finding

    /// Where in the list the weight with this role is.
    func place(of role: WeightRole) -> Int? { places[role] }

    /// What files that lay experts or the head out in another way mean by a role: the weight; each expert's in turn for
    /// the role of all; the embedding for a head that is tied to it. Empty where the checkpoint has no such weight.
    func weights(for role: WeightRole) -> [WeightTensor] {
        if let place = places[role] { return [weights[place]] }
        if role == WeightRole(.output) { return weights(for: WeightRole(.tokenEmbedding)) }
        guard role.expert == nil, role.slot.isOfExperts else { return [] }
        var found: [WeightTensor] = []
        while let place = places[WeightRole(role.slot, role.part, expert: found.count)] {
            found.append(weights[place])
        }
        return found
    }

    // MARK: - Layout

    /// How a file of a format lays a weight of the list out, by the numbers of its own model.
    ///
    /// - Parameter family: whose file it is; nil for the list's own.
    /// - Throws: where these are asked for and unusable, as `Checkpoint.hyperparameters`.
    func form(
        of weight: WeightTensor, in format: FileFormat, of family: Architecture? = nil
    ) throws -> StorageForm {
        guard let architecture = family ?? architecture, let role = weight.role,
            let numbers = try numbers?.get()
        else {
            return weight.form
        }
        return architecture.form(of: role, in: format, numbers)
    }

    /// The same for work that cannot do with rows in a wrong order.
    ///
    /// - Throws: `CheckpointError.wrongShape` where the weight's rows have an order in one of the two formats, and the
    ///   numbers make them others; as the other.
    func checkedForm(
        of weight: WeightTensor, in format: FileFormat, of family: Architecture? = nil
    ) throws -> StorageForm {
        let form = try form(of: weight, in: format, of: family)
        guard weight.form.change(to: form).rows != .same, let numbers = try numbers?.get(),
            let role = weight.role,
            let rule = architecture?.rule(for: role.slot) ?? family?.rule(for: role.slot)
        else { return form }
        let expected = rule.shape(of: role, in: numbers, format: checkpoint.format)
        guard weight.shape == expected else {
            throw CheckpointError.wrongShape(
                file: checkpoint.path, tensor: weight.name, found: weight.shape, expected: expected)
        }
        return form
    }

    /// Refuses a checkpoint whose numbers are asked for and unusable.
    ///
    /// - Throws: as `Checkpoint.hyperparameters`.
    func requireNumbers() throws { _ = try numbers?.get() }
}

extension Checkpoint {
    /// Whether the files are weights alone, without a word of their family.
    var isBare: Bool { architectureName == nil }
}
