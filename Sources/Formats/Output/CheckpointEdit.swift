/// One change to a checkpoint. Every output is a source and a list of these; whatever no edit names is kept, byte
/// for byte where the format stays the same.
package enum CheckpointEdit: Sendable {
    /// Gives a weight these rows, in place of what it had or as a new tensor, and stores them in this type, or where it is
    /// nil in that which the policy of types gives; quantised types are encoded row by row.
    case set(WeightRole, RowSource, type: ElementType?)
    /// Stores the model's tensors in types by this policy.
    case types(TypePolicy)
    /// Makes the output a model of this family with these numbers: names, forms and keys are those of the family, shapes
    /// those of the numbers. What is no number stays as it is, the tokenizer too.
    case model(Architecture, Hyperparameters)
    /// Sets a metadata key of a GGUF output, or removes it.
    case setMetadata(key: String, GGUFValue?)
    /// Sets a member of the `config.json` of a Hugging Face output, or removes it.
    case setMember(key: String, JSONValue?)
    /// Sets a key of a GGUF output, or a member of the `config.json` of another, from what its user wrote.
    case assign(MetadataAssignment)
    /// Says in the output what it is called and what was done to it, after what its source says of that.
    case record(EditHistoryChange)
}

extension CheckpointEdit {
    /// Gives a weight these values, which lie in this form.
    package static func set(
        _ role: WeightRole, values: [Float], form: StorageForm, type: ElementType
    ) -> CheckpointEdit {
        .set(role, .values(values, form), type: type)
    }

    /// Adds a low-rank update to what a weight has.
    package static func add(_ update: LowRankUpdate, type: ElementType?) -> CheckpointEdit {
        .set(update.role, .plus(.present, update), type: type)
    }

    /// Multiplies what a weight has.
    package static func multiply(_ role: WeightRole, by factor: Float) -> CheckpointEdit {
        .set(role, .scaled(.present, by: factor), type: nil)
    }
}

extension CheckpointEdit {
    /// Whether it works out a whole matrix anew, so that any type can store it: not where rows or columns stand beside
    /// blocks that keep their bytes, nor for what runtimes want in f32.
    package var computesMatrix: Bool {
        guard case .set(let role, let rows, type: _) = self, role.part == .weight,
            role.slot.isMatrix, !role.slot.isAlwaysF32
        else { return false }
        return rows.isComputed
    }

    /// The same, its weight stored in a type.
    package func storing(as type: ElementType) -> CheckpointEdit {
        guard case .set(let role, let rows, type: _) = self else { return self }
        return .set(role, rows, type: type)
    }
}

extension CheckpointEdit: CustomStringConvertible {
    /// The edit in one line, as a dry run prints it.
    package var description: String {
        switch self {
        case .set(let role, .plus(.present, let update), let type):
            "add an update of rank \(update.rank) to \(role)"
                + (type.map { ", stored as \($0.name)" } ?? "")
        case .set(let role, .scaled(.present, let factor), type: nil):
            "multiply \(role) by \(factor)"
        case .set(let role, let rows, let type):
            "set \(role): \(rows)" + (type.map { " as \($0.name)" } ?? "")
        case .types(let policy): "store \(policy)"
        case .setMetadata(let key, let value):
            value == nil ? "remove metadata \(key)" : "set metadata \(key)"
        case .setMember(let key, let value):
            value == nil ? "remove \(key) of config.json" : "set \(key) of config.json"
        case .assign(let assignment): "set \(assignment.key)"
        case .record(let change):
            [change.name.map { "name it \($0.quoted)" }, change.edit.map { "note: \($0.call)" }]
                .compactMap(\.self).joined(separator: "; ")
        case .model(let architecture, _): "write as a model of architecture \(architecture)"
        }
    }
}
