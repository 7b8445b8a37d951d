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
    private(set) var types: TypePolicy?

    /// - Throws: `CheckpointError.cannotExpress` where an edit would undo an earlier one.
    init(_ edits: [CheckpointEdit]) throws(CheckpointError) {
        for edit in edits {
            switch edit {
            case .set(let role, let values, let form, let type):
                guard weights[role] == nil else {
                    throw Self.contradiction("\(role) gets new values after an earlier edit of it")
                }
                try note(role, type)
                weights[role]?.values = (values, form)
            case .add(let update, let type):
                try note(update.role, type)
                weights[update.role]?.updates.append(update)
            case .types(let policy):
                guard types == nil || types == policy else {
                    throw Self.contradiction("tensors are to be stored by two policies of types")
                }
                try policy.check()
                types = policy
            case .setMetadata(let key, let value):
                guard !metadata.contains(where: { $0.key == key && $0.value != value }) else {
                    throw Self.contradiction("metadata \(key.quoted) is set twice")
                }
                metadata.append((key, value))
            }
        }
        for role in roles where role.expert != nil && weights[role.ofAllExperts] != nil {
            throw Self.contradiction("\(role) is edited beside that of all experts")
        }
    }

    /// Makes a place for the changes of a weight.
    private mutating func note(_ role: WeightRole, _ type: ElementType?) throws(CheckpointError) {
        if weights[role] == nil { roles.append(role) }
        let present = weights[role]?.type
        guard type == nil || present == nil || type == present else {
            throw Self.contradiction("\(role) is to be stored in two types")
        }
        weights[role, default: WeightChange()].type = type ?? present
    }

    private static func contradiction(_ fact: String) -> CheckpointError {
        .cannotExpress(fact: "edits contradict each other: \(fact)")
    }
}

extension Checkpoint {
    /// Refuses edits of a quantised checkpoint that are more than a copy or biases beside its weights.
    ///
    /// - Throws: `CheckpointError.quantized`.
    func requireValues(for changes: EditList, format output: FileFormat) throws(CheckpointError) {
        let keepsTypes = output == format && changes.types ?? .keep == .keep
        let isCopy = keepsTypes && changes.roles.isEmpty
        let addsBiases =
            keepsTypes && quantization?.hasPlainBiases == true
            && changes.weights.allSatisfy { $0.key.part == .bias && $0.value.updates.isEmpty }
        guard !isCopy, !addsBiases else { return }
        try requireValues()
    }
}
