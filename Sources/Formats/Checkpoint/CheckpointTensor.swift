/// One tensor of a checkpoint: what it is and where its bytes lie. The bytes are mapped, not read.
package struct CheckpointTensor: Sendable {
    package let description: TensorDescription
    package let bytes: MappedBytes
    /// What the tensor is for in its architecture, or nil where the architecture does not know the name.
    package let role: WeightRole?
    /// How the file lays the weight out; canonical where the role is not known, and its rows where the numbers are not
    /// that tell their order.
    package let form: StorageForm
    /// Which matrix of a tensor that holds those of all experts the bytes are; nil for a whole tensor.
    package let expert: Int?

    package init(
        description: TensorDescription, bytes: MappedBytes, role: WeightRole? = nil,
        form: StorageForm = .canonical, expert: Int? = nil
    ) {
        self.description = description
        self.bytes = bytes
        self.role = role
        self.form = form
        self.expert = expert
    }

    package var name: String { description.name }
    package var type: ElementType { description.type }
    /// The shape in the file.
    package var shape: [Int] { description.shape }

    /// The shape of the weight the model computes with: a matrix has a row for each output.
    package var canonicalShape: [Int] { form.shape(of: shape) }

    /// Gives the tensor's pages of memory back to the system; they are read again where they are needed again.
    package func releasePages() { bytes.file.release(bytes.range) }

    /// One expert's matrix of a tensor that holds those of all experts, or nil where it has no such expert.
    func matrix(ofExpert expert: Int) -> CheckpointTensor? {
        guard shape.count == 3, (0..<shape[0]).contains(expert) else { return nil }
        let size = bytes.count / shape[0]
        return bytes.slice((expert * size)..<((expert + 1) * size)).map { part in
            CheckpointTensor(
                description: TensorDescription(
                    name: name, type: type, shape: Array(shape.dropFirst())),
                bytes: part, role: role.map { WeightRole($0.slot, $0.part, expert: expert) },
                form: form, expert: expert)
        }
    }

    /// Widens elements of the file to f32.
    ///
    /// - Parameters:
    ///   - elements: from one that begins a block to one that ends one
    ///   - values: as many as there are elements
    /// - Throws: `QuantizationError` where the type cannot be widened or the elements are no whole blocks of the tensor.
    package func widen(
        _ elements: Range<Int>, into values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        guard let start = type.byteCount(elements: elements.lowerBound),
            let end = type.byteCount(elements: elements.upperBound),
            let bytes = bytes.slice(start..<end)
        else { throw .sizeMismatch(type: type, elements: elements.count, bytes: bytes.count) }
        try bytes.withUnsafeBytes { bytes throws(QuantizationError) in
            try Dequantizer.widen(bytes, type: type, into: values)
        }
    }

    /// All values the model computes with, widened to f32, in the file's order; for small tensors (norms, biases): a
    /// matrix is widened row by row where it is used.
    ///
    /// - Throws: `QuantizationError` where the type cannot be widened.
    package func values() throws(QuantizationError) -> [Float] {
        let count = description.elementCount ?? 0
        var problem: QuantizationError?
        let stored = [Float](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(QuantizationError) {
                try widen(
                    0..<count, into: UnsafeMutableBufferPointer(rebasing: buffer[0..<count]))
                filled = count
            } catch {
                problem = error
            }
        }
        if let problem { throw problem }
        return form.shift == 0 ? stored : stored.map { $0 + form.shift }
    }
}
