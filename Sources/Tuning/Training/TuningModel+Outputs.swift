public import Formats
import Transformer

extension TuningModel {
    /// In which type a tuned tensor is stored.
    public enum OutputType: Sendable, Hashable {
        /// The base's type where it is a plain float type, else f16.
        case automatic
        /// The base's type, quantised anew.
        case keep
        case type(ElementType)
    }

    /// The edits that make the base into the tuned model.
    public func edits(as type: OutputType = .automatic) -> [CheckpointEdit] {
        switch form {
        case .full:
            parameters.map { parameter in
                .set(
                    parameter.role, values: parameter.values.values,
                    type: outputType(of: parameter.role, type))
            }
        case .lowRank: []
        }
    }

    private func outputType(of role: WeightRole, _ type: OutputType) -> ElementType {
        let own = base.tensor(role)?.type ?? .f32
        // Runtimes want vectors in the type they have.
        guard (base.tensor(role)?.shape.count ?? 0) > 1 else { return own }
        return switch type {
        case .automatic: own.isPlainFloat ? own : .f16
        case .keep: own
        case .type(let type): type
        }
    }
}
