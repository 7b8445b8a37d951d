/// What edits do to one weight.
struct WeightChange {
    /// New values in place of what the weight had, and how they lie.
    var values: (all: [Float], form: StorageForm)?
    /// Added to the new or the present values.
    var updates: [LowRankUpdate] = []
    /// Nil: the type the tensor has without edits.
    var type: ElementType?
}

/// The edits, sorted by what they touch.
struct EditList {
    private(set) var weights: [WeightRole: WeightChange] = [:]
    /// In the order of the edits.
    private(set) var roles: [WeightRole] = []
    private(set) var metadata: [(key: String, value: GGUFValue?)] = []
    private(set) var type: ElementType?

    init(_ edits: [CheckpointEdit]) {
        for edit in edits {
            switch edit {
            case .set(let role, let values, let form, let type):
                note(role)
                weights[role] = WeightChange(values: (values, form), type: type)
            case .add(let update, let type):
                note(update.role)
                weights[update.role, default: WeightChange()].updates.append(update)
                if let type { weights[update.role]?.type = type }
            case .retype(let newType): type = newType
            case .setMetadata(let key, let value): metadata.append((key, value))
            }
        }
    }

    private mutating func note(_ role: WeightRole) {
        if weights[role] == nil { roles.append(role) }
    }
}

extension Checkpoint {
    /// Refuses edits of a quantised checkpoint that are more than a copy or biases beside its weights.
    ///
    /// - Throws: `CheckpointError.quantized`.
    func requireValues(for changes: EditList, format output: FileFormat) throws(CheckpointError) {
        let isCopy = output == format && changes.type == nil && changes.roles.isEmpty
        let addsBiases =
            output == format && changes.type == nil && quantization?.hasPlainBiases == true
            && changes.weights.allSatisfy { $0.key.part == .bias && $0.value.updates.isEmpty }
        guard !isCopy, !addsBiases else { return }
        try requireValues()
    }
}
