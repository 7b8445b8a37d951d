package import Formats
import Transformer

extension TuningModel {
    /// In which type a tuned tensor is stored.
    package enum OutputType: Sendable, Hashable {
        /// The base's type where it is a plain float type, else f16.
        case automatic
        /// The base's type, quantised anew.
        case keep
        case type(ElementType)
    }

    /// The edits that make the base into the tuned model.
    package func edits(as type: OutputType = .automatic) -> [CheckpointEdit] {
        switch form {
        case .full:
            parameters.map { parameter in
                .set(
                    parameter.role,
                    .computed(
                        parameter.values.rows(
                            shape: parameter.shape,
                            form: base.form(of: parameter.role).orderOnly)),
                    type: outputType(of: parameter.role, type))
            }
        case .lowRank:
            updates().map { .add($0, type: outputType(of: $0.role, type)) }
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

    /// The low-rank updates as an adapter.
    ///
    /// - Throws: `TrainingError.notLowRank` where weights are tuned in full.
    package func adapter() throws(TrainingError) -> Adapter {
        guard case .lowRank(let rank, let alpha) = form else { throw .notLowRank }
        return Adapter(updates: updates(), rank: rank, alpha: alpha)
    }

    private func updates() -> [LowRankUpdate] {
        guard case .lowRank(let rank, let alpha) = form else { return [] }
        // A and B of a weight stand side by side.
        return stride(from: 0, to: parameters.count - 1, by: 2).map { index in
            let role = parameters[index].role
            return LowRankUpdate(
                role: role, rank: rank, a: parameters[index].values.values,
                b: parameters[index + 1].values.values, rows: base.form(of: role).rows,
                columns: base.form(of: role).columns, scale: alpha / Float(rank))
        }
    }
}
