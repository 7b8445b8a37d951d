/// Packed weights of a folder whose codes and scales are the blocks of a GGUF type: they get there as they are.
extension TensorPlanner {
    /// The type in whose blocks untouched packed matrices are kept where no other type is asked for; nil where they are of
    /// none, or llama.cpp would not compute with the factor beside them.
    func keptBlocks(of matrices: [WeightTensor]) -> ElementType? {
        guard format == .gguf, types.policy.standard == .keep,
            let type = matrices.first?.packed?.blockType
        else { return nil }
        let areKept = matrices.allSatisfy { matrix in
            guard let role = matrix.role, let packed = matrix.packed else { return false }
            return changes.weights[role] == nil && changes.weights[role.ofAllExperts] == nil
                && packed.blockType == type && !role.slot.isAlwaysF32
                && (packed.blockFactor == 1 || takesScale(role))
        }
        return areKept ? type : nil
    }

    /// Whether llama.cpp multiplies what the matrix gives by a scale beside it, and nothing else with it.
    private func takesScale(_ role: WeightRole) -> Bool {
        guard let architecture = changes.model?.architecture ?? source.architecture,
            architecture.rule(for: role.slot)?.takesScale ?? false
        else { return false }
        guard case .block(_, let slot) = role.slot, slot.isFeedForward else { return true }
        let bias = WeightRole(role.slot, .bias)
        return architecture.scalesFeedForward
            && (role.slot.isOfExperts
                || source.tensor(bias) == nil && changes.weights[bias] == nil)
    }

    /// The tensors that stand beside one that has the blocks of packed matrices: the factors, and what hardware divides
    /// activations by, one number for each matrix.
    func scales(beside tensor: OutputPlan.Tensor) -> [OutputPlan.Tensor] {
        let suffix = "." + WeightRole.Part.weight.rawValue
        let name = tensor.description.name
        guard format == .gguf, tensor.description.type == .nvfp4, name.hasSuffix(suffix) else {
            return []
        }
        let stem = name.dropLast(suffix.count)
        let matrices = tensor.content.keptMatrices(as: .nvfp4)
        guard matrices.contains(where: { $0 != nil }) else { return [] }
        let numbers: [(WeightRole.Part, [Float])] = [
            (.scale, matrices.map { $0?.blockFactor ?? 1 }),
            (.inputScale, matrices.map { $0?.activationScale ?? 1 }),
        ]
        return numbers.filter { $0.1.contains { $0 != 1 } }.map { part, values in
            OutputPlan.Tensor(
                TensorDescription(
                    name: "\(stem).\(part.rawValue)", type: .f32, shape: [values.count]),
                TensorContent(.rows(WeightRows(values, shape: [values.count]))))
        }
    }
}

extension TensorContent {
    /// The packed matrices whose blocks are kept in this type, nil for those that are encoded anew.
    fileprivate func keptMatrices(as type: ElementType) -> [PackedTensor?] {
        switch origin {
        case .rows(let rows):
            let packed = isKept(as: type) ? rows.weight?.packed : nil
            let count = rows.shape.count > 2 ? rows.shape[0] : 1
            return [PackedTensor?](repeating: packed, count: count)
        case .parts(let parts, _): return parts.flatMap { $0.keptMatrices(as: type) }
        case .above, .beside, .turns: return []
        }
    }
}
