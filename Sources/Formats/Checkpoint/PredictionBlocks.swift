/// A checkpoint's blocks that predict further tokens. rtedit does not run them, and none of their tensors has a role among the
/// model's weights: they go with the model where a file can hold them.
struct PredictionBlocks: Sendable {
    /// Their tensors as weights of the blocks after the model's own; none where there is a fault.
    let weights: [WeightTensor]
    /// Why files of the other format cannot have them; nil where they can, or there are none.
    let fault: String?

    /// How many blocks files of either format have.
    var count: Int { weights.isEmpty ? 0 : 1 }

    /// The tensor of such blocks with this role, or nil.
    func tensor(_ role: WeightRole) -> WeightTensor? {
        weights.first { $0.role == role }
    }

    static let none = PredictionBlocks(weights: [], fault: nil)

    private init(weights: [WeightTensor], fault: String?) {
        self.weights = weights
        self.fault = fault
    }

    /// - Parameters:
    ///   - tensors: those of such blocks, with the roles of `Architecture.predictorRole`.
    ///   - format: the checkpoint's own.
    init(
        _ tensors: [WeightTensor], in format: FileFormat, of architecture: Architecture,
        _ model: Hyperparameters
    ) {
        let fault = Self.fault(tensors, format, architecture, model)
        self.init(weights: fault == nil ? tensors : [], fault: fault)
    }

    private static func fault(
        _ tensors: [WeightTensor], _ format: FileFormat, _ architecture: Architecture,
        _ model: Hyperparameters
    ) -> String? {
        guard !tensors.isEmpty, let prediction = architecture.prediction else { return nil }
        if let other = tensors.first(where: { $0.role == nil }) {
            return "llama.cpp has no place for '\(other.name)'"
        }
        let block = model.blockCount
        if let further = tensors.first(where: { $0.role?.block != block }) {
            return "llama.cpp computes with one such block, and '\(further.name)' is of another"
        }
        let roles = Set(tensors.compactMap(\.role))
        for rule in architecture.weights + prediction.weights where rule.presence == .required {
            if let role = rule.missingRole(from: roles, inBlock: block, of: model, format) {
                return "there is no '\(architecture.name(ofPredictor: role, in: format, model))'"
            }
        }
        for tensor in tensors {
            guard let role = tensor.role, let rule = architecture.rule(for: role.slot) else {
                continue
            }
            let expected = rule.shape(of: role, in: model, format: format)
            if tensor.shape != expected, role.part.isOfValues {
                return
                    "tensor '\(tensor.name)' has the shape \(tensor.shape), where the model's numbers "
                    + "ask for \(expected)"
            }
        }
        return nil
    }
}

extension WeightRule {
    /// The first weight of this rule that a block should have in files of a format, and that is none of these.
    fileprivate func missingRole(
        from roles: Set<WeightRole>, inBlock block: Int, of model: Hyperparameters,
        _ format: FileFormat
    ) -> WeightRole? {
        guard case .blocks(let slot) = place, hasName(in: format),
            stands(inBlock: block, of: model)
        else { return nil }
        guard hasExperts, format == .safetensors else {
            let role = WeightRole.block(block, slot)
            return roles.contains(role) ? nil : role
        }
        return (0..<max(0, model.experts?.count ?? 0)).lazy.map {
            WeightRole(.block(block, slot), expert: $0)
        }.first { !roles.contains($0) }
    }
}

extension Architecture {
    /// What a file of a format calls a weight of such blocks, for messages.
    fileprivate func name(
        ofPredictor role: WeightRole, in format: FileFormat, _ model: Hyperparameters
    ) -> String {
        (format == .gguf ? name(of: role, in: .gguf) : folderName(of: role, model))
            ?? role.description
    }
}

extension Checkpoint {
    /// Says that an output of the other format has no blocks that predict further tokens.
    ///
    /// - Parameter carried: those that it has.
    func leftOutPredictors(_ carried: PredictionBlocks) -> [String] {
        let count = predictors.count
        guard count > 0, carried.weights.isEmpty else { return [] }
        return [
            "left out are \(count) tensors of blocks that predict further tokens"
                + (carried.fault.map { " (\($0))" } ?? "")
                + "; nothing that the model computes depends on them"
        ]
    }
}
