extension Checkpoint {
    /// The kind of multimodal folder whose text decoder the checkpoint is; nil for a language model by itself.
    package var wrapper: Wrapper? {
        if case .huggingFace(let files) = source { files.wrapper } else { nil }
    }

    /// The tensors that go with the decoder in a multimodal folder, such as a vision tower's. They are no weights of the
    /// model, and every folder that is written has them as they are.
    package var carriedTensors: [WeightTensor] {
        guard let wrapper else { return [] }
        return tensors.filter { $0.role == nil && wrapper.carries($0.name) }
    }
}
