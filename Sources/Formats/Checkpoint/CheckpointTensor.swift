/// One tensor of a checkpoint: what it is and where its bytes lie. The bytes are mapped, not read.
package struct CheckpointTensor: Sendable {
    package let description: TensorDescription
    package let bytes: MappedBytes
    /// What the tensor is for in its architecture, or nil where the architecture does not know the name.
    package let role: WeightRole?
    /// Whether the file holds the transpose of the matrix that the model multiplies with: its rows are inputs.
    package let isTransposed: Bool
    /// What is added to the file's values for those the model computes with: 1 for Gemma's norms in a Hugging Face
    /// file.
    package let shift: Float

    package init(
        description: TensorDescription, bytes: MappedBytes, role: WeightRole? = nil,
        isTransposed: Bool = false, shift: Float = 0
    ) {
        self.description = description
        self.bytes = bytes
        self.role = role
        self.isTransposed = isTransposed
        self.shift = shift
    }

    package var name: String { description.name }
    package var type: ElementType { description.type }
    /// The shape in the file.
    package var shape: [Int] { description.shape }

    /// The shape of the weight the model computes with: a matrix has a row for each output.
    package var canonicalShape: [Int] { isTransposed ? shape.reversed() : shape }

    /// Gives the tensor's pages of memory back to the system; they are read again where they are needed again.
    package func releasePages() { bytes.file.release(bytes.range) }

    /// One expert's matrix of a tensor that holds those of all experts, or nil where it has no such expert.
    func matrix(ofExpert expert: Int) -> CheckpointTensor? {
        guard shape.count == 3, (0..<shape[0]).contains(expert), let role,
            let part = bytes.slice(
                (expert * (bytes.count / shape[0]))..<((expert + 1) * (bytes.count / shape[0])))
        else { return nil }
        return CheckpointTensor(
            description: TensorDescription(
                name: name, type: type, shape: Array(shape.dropFirst())),
            bytes: part, role: WeightRole(role.slot, role.part, expert: expert))
    }

    /// All values the model computes with, widened to f32, in the file's order; for small tensors (norms, biases): a
    /// matrix is widened row by row where it is used.
    ///
    /// - Throws: `QuantizationError` where the type cannot be widened.
    package func values() throws -> [Float] {
        let count = description.elementCount ?? 0
        let stored = try bytes.withUnsafeBytes { source in
            var problem: QuantizationError?
            let values = [Float](unsafeUninitializedCapacity: count) { buffer, filled in
                let target = UnsafeMutableBufferPointer(rebasing: buffer[0..<count])
                do throws(QuantizationError) {
                    try Dequantizer.widen(source, type: type, into: target)
                    filled = count
                } catch {
                    problem = error
                }
            }
            if let problem { throw problem }
            return values
        }
        return shift == 0 ? stored : stored.map { $0 + shift }
    }
}
