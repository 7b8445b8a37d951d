/// What edits do to one weight.
struct WeightChange {
    /// What it gets, each edit on top of the one before.
    var rows: RowSource
    /// Nil: the type the tensor has without edits.
    var type: ElementType?
}

/// The edits, sorted by what they touch.
struct EditList {
    private(set) var weights: [WeightRole: WeightChange] = [:]
    /// In the order of the edits.
    private(set) var roles: [WeightRole] = []
    private(set) var metadata: [(key: String, value: GGUFValue?)] = []
    private(set) var members: [(key: String, value: JSONValue?)] = []
    private(set) var assignments: [MetadataAssignment] = []
    /// What the output says of itself beyond its source.
    private(set) var history: EditHistoryChange?
    private(set) var types: TypePolicy?
    /// What the output is, where it is another model than the source.
    private(set) var model: TargetModel?

    /// - Throws: `CheckpointError.cannotExpress` where an edit would undo an earlier one.
    init(_ edits: [CheckpointEdit]) throws(CheckpointError) {
        for edit in edits {
            switch edit {
            case .set(let role, .stack(let experts), let type) where role.slot.isOfExperts:
                for (expert, rows) in experts.enumerated() {
                    try add(rows, to: WeightRole(role.slot, role.part, expert: expert), type)
                }
            case .set(let role, let rows, let type): try add(rows, to: role, type)
            case .types(let policy):
                guard types == nil || types == policy else {
                    throw Self.contradiction("tensors are to be stored by two policies of types")
                }
                types = policy
            case .setMetadata(let key, let value):
                guard !metadata.contains(where: { $0.key == key && $0.value != value }) else {
                    throw Self.contradiction("metadata \(key.quoted) is set twice")
                }
                metadata.append((key, value))
            case .setMember(let key, let value):
                guard !members.contains(where: { $0.key == key && $0.value != value }) else {
                    throw Self.contradiction("\(key.quoted) of config.json is set twice")
                }
                members.append((key, value))
            case .assign(let assignment):
                guard !assignments.contains(where: { $0.key == assignment.key }) else {
                    throw Self.contradiction("\(assignment.key.quoted) is set twice")
                }
                assignments.append(assignment)
            case .record(let change):
                guard history == nil else {
                    throw Self.contradiction("two edits are to be noted as one")
                }
                history = change
            case .model(let architecture, let numbers):
                guard model == nil else {
                    throw Self.contradiction("the output is to be two models")
                }
                model = TargetModel(architecture: architecture, numbers: numbers)
            }
        }
        for role in roles where role.expert != nil && weights[role.ofAllExperts] != nil {
            throw Self.contradiction("\(role) is edited beside that of all experts")
        }
    }

    private mutating func add(
        _ rows: RowSource, to role: WeightRole, _ type: ElementType?
    ) throws(CheckpointError) {
        guard let present = weights[role] else {
            roles.append(role)
            weights[role] = WeightChange(rows: rows, type: type)
            return
        }
        guard rows.hasPresent else {
            throw Self.contradiction("\(role) gets new values after an earlier edit of it")
        }
        guard type == nil || present.type == nil || type == present.type else {
            throw Self.contradiction("\(role) is to be stored in two types")
        }
        weights[role] = WeightChange(rows: rows.on(present.rows), type: type ?? present.type)
    }

    /// Refuses edits of what an output of this format does not have.
    ///
    /// - Throws: `CheckpointError.cannotExpress`.
    func check(for format: FileFormat) throws(CheckpointError) {
        if format == .safetensors, let change = metadata.first {
            throw .cannotExpress(
                fact: "metadata \(change.key.quoted) is edited, but only a GGUF file has metadata")
        }
        if format == .safetensors, let types, let mix = types.mix?.name ?? types.namedPart {
            throw .cannotExpress(
                fact:
                    "\(mix) can be chosen for a GGUF file, not for an output in Hugging Face's layout"
            )
        }
        if format == .gguf, let change = members.first {
            throw .cannotExpress(
                fact: "\(change.key.quoted) of config.json is edited, which a GGUF file has not")
        }
    }

    private static func contradiction(_ fact: String) -> CheckpointError {
        .cannotExpress(fact: "edits contradict each other: \(fact)")
    }
}

extension Checkpoint {
    /// Refuses edits of a checkpoint whose weights cannot be read that are more than a copy.
    ///
    /// - Throws: `CheckpointError.quantized`.
    func requireValues(for changes: EditList, format output: FileFormat) throws(CheckpointError) {
        let keepsTypes =
            output == format && changes.types ?? .keep == .keep && changes.model == nil
        if !(keepsTypes && changes.roles.isEmpty) { try requireValues() }
    }
}
