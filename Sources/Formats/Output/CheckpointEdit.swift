/// One change to a checkpoint. Every output is a source and a list of these; whatever no edit names is kept, byte
/// for byte where the format stays the same.
package enum CheckpointEdit: Sendable {
    /// Gives a weight these values, which lie in this form, in place of what it had or as a new tensor, and stores them
    /// in this type; quantised types are encoded row by row.
    case set(WeightRole, values: [Float], form: StorageForm, type: ElementType)
    /// Adds a low-rank update to a weight and stores the sum in this type, or where it is nil in the weight's own; row
    /// by row, so that the whole weight is never in memory.
    case add(LowRankUpdate, type: ElementType?)
    /// Stores the model's tensors in types by this policy.
    case types(TypePolicy)
    /// Sets a metadata key of a GGUF output, or removes it.
    case setMetadata(key: String, GGUFValue?)
}

extension CheckpointEdit: CustomStringConvertible {
    /// The edit in one line, as a dry run prints it.
    package var description: String {
        switch self {
        case .set(let role, let values, _, let type):
            "set \(role): \(values.count) values as \(type.name)"
        case .add(let update, let type):
            "add an update of rank \(update.rank) to \(update.role)"
                + (type.map { ", stored as \($0.name)" } ?? "")
        case .types(let policy): "store \(policy)"
        case .setMetadata(let key, let value):
            value == nil ? "remove metadata \(key)" : "set metadata \(key)"
        }
    }
}
