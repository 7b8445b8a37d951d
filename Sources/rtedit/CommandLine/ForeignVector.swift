import Formats
import Tuning

/// A vector that was found in another model than the one it is used on: told, or refused where a call is strict.
struct ForeignVector: Failure {
    let description: String

    var kind: FailureKind { .input }

    /// Nil where the model is the vector's own, or nothing is known of that.
    init?(
        _ file: String, _ base: BaseIdentity, _ relation: BaseIdentity.Relation, model: Checkpoint
    ) {
        let found = base.name.map { "'\($0)'" } ?? "a '\(base.modelHint)' model"
        let hash = base.hash.map { " (SHA-256 \($0.prefix(12))…)" } ?? ""
        switch relation {
        case .unknown, .same: return nil
        case .otherModel:
            description =
                "\(file): was found in \(found)\(hash), which has other weights than "
                + "\(model.path) ('\(model.name)'): it may mean nothing there"
        case .otherBytes(let own):
            description =
                "\(file): was found in \(found)\(hash), and \(model.path) "
                + "('\(model.name)') is another file (SHA-256 \(own.prefix(12))…): right "
                + "only if one is made from the other, as by convert"
        }
    }
}
