/// One tensor of a checkpoint: where it lies, what it is for, and how it lays its weight out.
package struct WeightTensor: Sendable {
    package let stored: StoredTensor
    /// What the tensor is for in its architecture, or nil where the architecture does not know the name.
    package let role: WeightRole?
    /// How the file lays the weight out; canonical where the role is not known, and its rows where the numbers are not
    /// that tell their order.
    package let form: StorageForm
    /// What each expert's matrix is multiplied by, where the tensor holds those of all experts and they have scales; its own
    /// form does not say so.
    private let expertFactors: [Float]?

    package init(
        _ stored: StoredTensor, role: WeightRole? = nil, form: StorageForm = .canonical
    ) {
        self.init(stored, role: role, form: form, expertFactors: nil)
    }

    /// - Parameter scales: what a GGUF file multiplies the matrix by, a number for each expert; nil where it has none
    init(_ stored: StoredTensor, role: WeightRole, form: StorageForm, scales: [Float]?) {
        var form = form
        let isOfExperts = role.slot.isOfExperts
        if let factor = scales?.first, !isOfExperts { form.factor = factor }
        self.init(stored, role: role, form: form, expertFactors: isOfExperts ? scales : nil)
    }

    private init(
        _ stored: StoredTensor, role: WeightRole?, form: StorageForm, expertFactors: [Float]?
    ) {
        self.stored = stored
        self.role = role
        self.form = form
        self.expertFactors = expertFactors
    }

    package var description: TensorDescription { stored.description }
    package var bytes: MappedBytes { stored.bytes }
    package var name: String { stored.name }
    package var type: ElementType { stored.type }
    /// The shape in the file.
    package var shape: [Int] { stored.shape }

    /// The shape of the weight the model computes with: a matrix has a row for each output.
    package var canonicalShape: [Int] { form.shape(of: shape) }

    /// Gives the tensor's pages of memory back to the system; they are read again where they are needed again.
    package func releasePages() { stored.releasePages() }

    /// Whether the tensor holds the matrices of all experts, and each has a scale.
    var hasExpertScales: Bool { expertFactors != nil }

    /// Whether the weight's rows lie in its own order.
    var hasCanonicalRows: Bool { form.rows == .same && !form.isTransposed }

    /// Some rows of a matrix whose rows lie in their order, such as one of the projections fused in it; nil where they lie
    /// otherwise or there are no such rows.
    package func rows(_ rows: Range<Int>) -> WeightTensor? {
        guard hasCanonicalRows else { return nil }
        return stored.rows(rows).map { WeightTensor($0, role: role, form: form) }
    }

    /// One expert's matrix of a tensor that holds those of all experts, or nil where it has no such expert.
    func matrix(ofExpert expert: Int) -> WeightTensor? {
        stored.matrix(ofExpert: expert).map { matrix in
            var form = form
            if let expertFactors, expert < expertFactors.count {
                form.factor = expertFactors[expert]
            }
            return WeightTensor(
                matrix, role: role.map { WeightRole($0.slot, $0.part, expert: expert) }, form: form)
        }
    }

    /// Each expert's matrix in turn where the tensor holds those of all experts, else the tensor itself.
    var matrices: [WeightTensor] {
        guard let role, role.expert == nil, role.slot.isOfExperts, shape.count == 3 else {
            return [self]
        }
        return (0..<shape[0]).compactMap { matrix(ofExpert: $0) }
    }

    /// All values the model computes with, widened to f32, in the file's order; for small tensors (norms, biases): a
    /// matrix is widened row by row where it is used.
    ///
    /// - Throws: `QuantizationError` where the type cannot be widened.
    package func values() throws(QuantizationError) -> [Float] {
        if expertFactors != nil {
            var values: [Float] = []
            for matrix in matrices { values += try matrix.values() }
            return values
        }
        let values = try stored.values()
        return form.keepsValues ? values : values.map(form.value(of:))
    }
}
