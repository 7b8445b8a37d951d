/// Matrices of one row, which `llama-quantize` writes as vectors and llama.cpp's converter as matrices; llama.cpp loads
/// both.
extension Architecture {
    /// A tensor of a GGUF file, a vector that stands for a matrix of one row as that matrix.
    func inRows(_ tensor: StoredTensor) -> StoredTensor {
        guard tensor.shape.count == 1, let role = role(of: tensor.name, in: .gguf),
            role.part == .weight, let shape = rule(for: role.slot)?.shape, shape.count == 2,
            shape.first == .one
        else { return tensor }
        return StoredTensor(
            description: TensorDescription(
                name: tensor.name, type: tensor.type, shape: [1] + tensor.shape),
            bytes: tensor.bytes)
    }
}
