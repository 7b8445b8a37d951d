/// The scales that a GGUF file keeps of matrices in tensors of their own: llama.cpp multiplies what a matrix gives by its
/// scale, whatever the matrix's type. Converters write them beside NVFP4, whose blocks' scales have a narrow range.
extension Checkpoint {
    /// The numbers that matrices are multiplied by, by the scale's role; what `check` refuses is not among them.
    static func scales(
        _ tensors: [StoredTensor], _ architecture: Architecture?
    ) -> [WeightRole: [Float]] {
        guard let architecture else { return [:] }
        var scales: [WeightRole: [Float]] = [:]
        for tensor in tensors where tensor.name.hasSuffix("." + WeightRole.Part.scale.rawValue) {
            guard
                let role = architecture.role(of: tensor.name, in: .gguf)
                    ?? architecture.prediction?.role(of: tensor.name),
                role.part == .scale, tensor.type == .f32, tensor.shape.count == 1
            else { continue }
            scales[role] = try? tensor.values()
        }
        return scales
    }

    /// Refuses a scale that llama.cpp would not load, or would not compute with as what it is.
    ///
    /// - Throws: `CheckpointError`.
    func check(
        scale tensor: WeightTensor, _ role: WeightRole, _ architecture: Architecture
    ) throws(CheckpointError) {
        guard let matrix = self.tensor(WeightRole(role.slot)),
            role.slot != .output || matrix.type == .nvfp4
        else {
            throw .unknownTensor(file: path, name: tensor.name, architecture: architecture.name)
        }
        guard tensor.type == .f32 else {
            throw .unsupportedFeature(
                file: path,
                fact: "tensor '\(tensor.name)' is a scale in \(tensor.type.name), not in f32")
        }
        guard role.part == .scale else { return }
        if let bad = (try? tensor.storedValues())?.enumerated().first(where: {
            !$0.element.isFinite
        }) {
            throw .contradiction(
                file: path,
                fact: "tensor '\(tensor.name)' holds the scale \(bad.element) at \(bad.offset)")
        }
        guard case .block(_, let slot) = role.slot, slot.isFeedForward else { return }
        guard architecture.scalesFeedForward else {
            throw .unsupportedFeature(
                file: path,
                fact:
                    "tensor '\(tensor.name)' is a scale that llama.cpp loads for '\(architecture.name)' "
                    + "and computes without")
        }
        if !role.slot.isOfExperts, let bias = self.tensor(WeightRole(role.slot, .bias)) {
            throw .unsupportedFeature(
                file: path,
                fact: "tensor '\(tensor.name)' stands beside '\(bias.name)', which llama.cpp would "
                    + "multiply by the scale too")
        }
    }

    /// The scale beside a matrix of this place in some block; nil where none has one.
    package func scale(of slot: BlockSlot) -> WeightTensor? {
        tensors.first { tensor in
            guard let role = tensor.role, role.part == .scale,
                case .block(_, let own) = role.slot
            else { return false }
            return own == slot
        }
    }
}

extension BlockSlot {
    /// Whether the matrix is one of a feed-forward part, of an expert's too.
    var isFeedForward: Bool { isProjection && !isOfFirstHalf && !isRouter }
}
