extension Architecture {
    /// A tensor as the family has it: the projections of a fused matrix one by one where the family has each by itself,
    /// else the tensor as it is.
    ///
    /// The parts are rows of the tensor as they lie in its file, quantised ones too.
    ///
    /// - Parameters:
    ///   - model: the numbers that tell how many rows each part has.
    ///   - format: in whose files the family is to have each.
    func pieces(
        of tensor: WeightTensor, in model: Hyperparameters, _ format: FileFormat
    ) -> [WeightTensor] {
        guard let role = tensor.role, case .block(let block, let slot) = role.slot,
            !hasPlace(for: role.slot, in: format), slot.parts.count > 1
        else { return [tensor] }
        if role.slot.isOfExperts {
            return tensor.turns(of: slot.parts.map { .block(block, $0, role.part) }) ?? [tensor]
        }
        if slot == .deltaQueryKeyValueGate, let sizes = model.deltaNet {
            return tensor.deltaParts(ofBlock: block, sizes) ?? [tensor]
        }
        guard tensor.hasCanonicalRows else { return [tensor] }
        var pieces: [WeightTensor] = []
        var first = 0
        for part in slot.parts {
            guard let own = rule(for: .block(block, part)), own.hasName(in: format),
                let rows = own.shape(of: .block(block, part, role.part), in: model).first,
                let piece = tensor.rows(first..<(first + rows))
            else { return [tensor] }
            pieces.append(
                WeightTensor(
                    piece.storage, role: .block(block, part, role.part), form: tensor.form))
            first += rows
        }
        return first == tensor.shape.first ? pieces : [tensor]
    }
}
