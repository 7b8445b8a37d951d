/// One weight of a checkpoint: where its values lie, what it is for, and how it is laid out there.
package struct WeightTensor: Sendable {
    /// Where the values lie.
    package let storage: WeightStorage
    /// What the tensor is for in its architecture, or nil where the architecture does not know the name.
    package let role: WeightRole?
    /// How the file lays the weight out; canonical where the role is not known, and its rows where the numbers are not
    /// that tell their order.
    package let form: StorageForm
    /// What each expert's matrix is multiplied by, where the tensor holds those of all experts and they have scales; its own
    /// form does not say so.
    private let expertFactors: [Float]?

    package init(
        _ storage: WeightStorage, role: WeightRole? = nil, form: StorageForm = .canonical
    ) {
        self.init(storage, role: role, form: form, expertFactors: nil)
    }

    /// - Parameter scales: what a GGUF file multiplies the matrix by, a number for each expert; nil where it has none
    init(_ storage: WeightStorage, role: WeightRole, form: StorageForm, scales: [Float]?) {
        var form = form
        let isOfExperts = role.slot.isOfExperts
        if let factor = scales?.first, !isOfExperts { form.factor = factor }
        self.init(storage, role: role, form: form, expertFactors: isOfExperts ? scales : nil)
    }

    private init(
        _ storage: WeightStorage, role: WeightRole?, form: StorageForm, expertFactors: [Float]?
    ) {
        self.storage = storage
        self.role = role
        self.form = form
        self.expertFactors = expertFactors
    }

    package init(
        _ stored: StoredTensor, role: WeightRole? = nil, form: StorageForm = .canonical
    ) {
        self.init(.plain(stored), role: role, form: form)
    }

    /// The tensor whose elements the values are; nil for a packed weight, which has none.
    package var stored: StoredTensor? {
        if case .plain(let tensor) = storage { tensor } else { nil }
    }

    /// The packed weight; nil for one whose values are a tensor's elements.
    package var packed: PackedTensor? {
        if case .packed(let tensor) = storage { tensor } else { nil }
    }

    package var name: String {
        switch storage {
        case .plain(let tensor): tensor.name
        case .packed(let tensor): tensor.name
        }
    }

    /// The type of the values: that of a file's elements, or what those of a packed weight fit in, f32 as a rule.
    package var type: ElementType { stored?.type ?? packed?.valueType ?? .f32 }

    /// How the values are stored, in a few words: the type's name, or how the weight is packed.
    package var storageName: String { packed?.label ?? type.name }

    /// The shape in the file.
    package var shape: [Int] {
        switch storage {
        case .plain(let tensor): tensor.shape
        case .packed(let tensor): tensor.shape
        }
    }

    /// Name, type of the values and shape.
    package var description: TensorDescription {
        TensorDescription(name: name, type: type, shape: shape)
    }

    /// The tensors of files that it is made of, that of its codes first.
    package var parts: [StoredTensor] {
        switch storage {
        case .plain(let tensor): [tensor]
        case .packed(let tensor): tensor.parts
        }
    }

    /// The bytes that it takes in the files.
    package var byteCount: Int { parts.reduce(0) { $0 + $1.bytes.count } }

    /// Which matrix of a tensor of all experts it is; nil for a whole tensor.
    var expert: Int? {
        switch storage {
        case .plain(let tensor): tensor.expert
        case .packed(let tensor): tensor.expert
        }
    }

    /// The shape of the weight the model computes with: a matrix has a row for each output.
    package var canonicalShape: [Int] { form.shape(of: shape) }

    /// Gives the tensor's pages of memory back to the system; they are read again where they are needed again.
    package func releasePages() {
        for part in parts { part.releasePages() }
    }

    /// Whether both are stored in the same way and in the same bytes.
    package func hasBytes(of other: WeightTensor) -> Bool {
        switch (storage, other.storage) {
        case (.plain(let own), .plain(let other)): own.hasBytes(of: other)
        case (.packed(let own), .packed(let other)): own.hasBytes(of: other)
        default: false
        }
    }

    // MARK: - Parts of it

    /// Whether the tensor holds the matrices of all experts, and each has a scale.
    var hasExpertScales: Bool { expertFactors != nil }

    /// Whether the weight's rows lie in its own order.
    var hasCanonicalRows: Bool { form.rows == .same && !form.isTransposed }

    /// Some rows of a matrix whose rows lie in their order, such as one of the projections fused in it; nil where they lie
    /// otherwise or there are no such rows.
    package func rows(_ rows: Range<Int>) -> WeightTensor? {
        guard hasCanonicalRows else { return nil }
        let part: WeightStorage? =
            switch storage {
            case .plain(let tensor): tensor.rows(rows).map { .plain($0) }
            case .packed(let tensor): tensor.rows(rows).map { .packed($0) }
            }
        return part.map { WeightTensor($0, role: role, form: form) }
    }

    /// One expert's matrix, or bias, of a tensor that holds those of all experts, or nil where it has no such expert.
    func matrix(ofExpert expert: Int) -> WeightTensor? {
        let matrix: WeightStorage? =
            switch storage {
            case .plain(let tensor) where role?.part == .bias:
                tensor.bias(ofExpert: expert).map { .plain($0) }
            case .plain(let tensor): tensor.matrix(ofExpert: expert).map { .plain($0) }
            case .packed(let tensor): tensor.matrix(ofExpert: expert).map { .packed($0) }
            }
        return matrix.map { matrix in
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

    // MARK: - Values

    /// Widens values to f32 as they lie in the file.
    ///
    /// - Parameters:
    ///   - elements: from one that begins a block of the type to one that ends one
    ///   - values: as many as there are elements
    /// - Throws: `QuantizationError` where the type cannot be widened or the elements are no whole blocks of the tensor.
    package func widen(
        _ elements: Range<Int>, into values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        switch storage {
        case .plain(let tensor): try tensor.widen(elements, into: values)
        case .packed(let tensor): tensor.widen(from: elements.lowerBound, into: values)
        }
    }

    /// All values as they lie in the file, widened to f32; for small tensors (norms, biases): a matrix is widened row by
    /// row where it is used.
    ///
    /// - Throws: `QuantizationError` where the type cannot be widened.
    package func storedValues() throws(QuantizationError) -> [Float] {
        let count = description.elementCount ?? 0
        return try [Float](filling: count) { target throws(QuantizationError) in
            try widen(0..<count, into: target)
        }
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
        let values = try storedValues()
        return form.keepsValues ? values : values.map(form.value(of:))
    }
}
