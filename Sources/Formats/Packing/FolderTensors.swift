/// The tensors of a folder, found by name while its layers are put together.
struct FolderTensors {
    let all: [StoredTensor]
    private let places: [ExactString: Int]

    init(_ tensors: [StoredTensor]) {
        all = tensors
        places = Dictionary(
            tensors.enumerated().map { (ExactString($1.name), $0) }, uniquingKeysWith: { $1 })
    }

    subscript(name: String) -> StoredTensor? { places[ExactString(name)].map { all[$0] } }

    /// A tensor that a layer cannot do without.
    ///
    /// - Throws: where it is missing.
    func require(_ name: String, for lead: StoredTensor) throws(PackingProblem) -> StoredTensor {
        guard let tensor = self[name] else {
            throw .contradiction("\(lead.form) needs a tensor \(name.quoted), which is missing")
        }
        return tensor
    }
}

/// How many matrices a weight is of, and their rows and columns.
struct MatrixSize {
    let matrices: Int
    let rows: Int
    let columns: Int

    init(matrices: Int = 1, rows: Int, columns: Int) {
        (self.matrices, self.rows, self.columns) = (matrices, rows, columns)
    }

    /// Of a tensor whose elements are those of the weight.
    ///
    /// - Throws: where it is neither a matrix nor one of matrices.
    init(of tensor: StoredTensor) throws(PackingProblem) {
        let shape = tensor.shape
        guard (2...3).contains(shape.count), shape.allSatisfy({ $0 > 0 }) else {
            throw .contradiction("\(tensor.form) is no matrix")
        }
        matrices = shape.count == 3 ? shape[0] : 1
        (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
    }

    /// The rows of all matrices.
    var allRows: Int { matrices * rows }
}

extension StoredTensor {
    /// Name, type and shape: "tensor 'x.weight' (u8 [4, 8])".
    var form: String { "tensor \(name.quoted) (\(type.name) \(shape))" }

    /// The name without an ending, or nil where it does not end so.
    func module(before ending: String) -> String? {
        name.hasSuffix(ending) && name.utf8.count > ending.utf8.count
            ? String(name.dropLast(ending.count)) : nil
    }

    /// Refuses a part of another type.
    func requireType(_ types: ElementType...) throws(PackingProblem) {
        guard types.contains(type) else {
            throw .contradiction(
                "\(form) is to be \(types.map(\.name).joined(separator: " or "))")
        }
    }

    /// Refuses a part of another shape; dimensions of 1 may be there or not.
    func requireShape(_ expected: [Int], for need: String) throws(PackingProblem) {
        guard shape.filter({ $0 != 1 }) == expected.filter({ $0 != 1 }) else {
            throw .contradiction("\(form) is to have shape \(expected) for \(need)")
        }
    }

    /// The numbers of a grid of blocks, row by row.
    ///
    /// - Parameters:
    ///   - block: rows and columns that share a number; nil where each matrix has one
    ///   - encoding: nil for elements of the tensor's own float type, or exponents where that is E8M0
    ///   - need: what they are for, for errors
    /// - Throws: where they are of another type, or not one for each block.
    func blocks(
        _ block: (rows: Int, columns: Int)?, of size: MatrixSize, _ encoding: NumberEncoding? = nil,
        for need: String
    ) throws(PackingProblem) -> ScaledCodes.Blocks {
        let block = block ?? (size.rows, size.columns)
        let rows = (size.rows + block.rows - 1) / block.rows * size.matrices
        let columns = (size.columns + block.columns - 1) / block.columns
        // One number may stand for all.
        let isShared = shape.allSatisfy { $0 == 1 }
        if !isShared {
            let inner = [rows / size.matrices, columns]
            try requireShape(size.matrices > 1 ? [size.matrices] + inner : inner, for: need)
        } else if columns > 1 || rows > size.matrices {
            try requireShape([rows, columns], for: need)
        }
        let encoding = if let encoding { encoding } else { try ownEncoding() }
        guard
            let numbers = StoredNumbers(
                bytes, encoding, rows: rows, columns: columns,
                strides: isShared ? (0, 0) : (columns, 1)),
            let blocks = ScaledCodes.Blocks(
                numbers, block: block, rows: size.allRows, columns: size.columns,
                matrices: size.matrices)
        else { throw .contradiction("\(form) has not one number for each block of \(need)") }
        return blocks
    }

    private func ownEncoding() throws(PackingProblem) -> NumberEncoding {
        if type == .f8E8M0 { return .exponent }
        guard type.isPlainFloat || type == .f8E4M3 else {
            throw .unsupported("\(form) holds scales of a type that is not known")
        }
        return .element(type)
    }

    /// The one number of a tensor.
    ///
    /// - Throws: where it has several, or none that is finite.
    func number() throws(PackingProblem) -> Float {
        guard description.elementCount == 1, type.isPlainFloat, let values = try? values(),
            let value = values.first, value.isFinite
        else { throw .contradiction("\(form) is to be one finite number") }
        return value
    }
}
