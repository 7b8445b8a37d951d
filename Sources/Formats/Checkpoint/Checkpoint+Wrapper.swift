extension Checkpoint {
    /// The kind of multimodal folder whose text decoder the checkpoint is; nil for a language model by itself.
    package var wrapper: Wrapper? {
        if case .huggingFace(let files) = source { files.wrapper } else { nil }
    }

    /// The tensors that go with the model and are no weights of it, such as a vision tower's in a multimodal folder. Every
    /// file of the same format that is written has them as they are.
    package var carriedTensors: [WeightTensor] {
        tensors.filter { $0.role == nil && wrapper?.carries($0.name) ?? false } + predictors
    }

    /// The tensors of blocks that predict further tokens.
    package var predictors: [WeightTensor] {
        tensors.filter(isOfPredictors)
    }

    /// Whether a tensor belongs to blocks that predict further tokens.
    func isOfPredictors(_ tensor: WeightTensor) -> Bool {
        guard let architecture else { return false }
        return architecture.isOfPredictors(tensor.name, in: format, try? statedNumbers.get())
    }
}
