/// Matrices of experts whose rows lie by turns in one of a folder, and their biases, as if each were by itself.
extension WeightTensor {
    /// The weights that lie by turns in a tensor of all experts.
    ///
    /// - Parameter roles: of the weights, the first row's first
    /// - Returns: nil where the tensor has no whole number of rows for each.
    func turns(of roles: [WeightRole]) -> [WeightTensor]? {
        let count = roles.count
        let parts: [PackedTensor]?
        switch storage {
        case .packed(let tensor): parts = tensor.turns(count)
        case .plain(let tensor):
            let isWhole = (tensor.shape.last ?? 0) % count == 0 && tensor.type.isPlainFloat
            parts =
                isWhole && tensor.shape.allSatisfy { $0 > 0 }
                ? (0..<count).compactMap { columns(tensor, from: $0, step: count) } : nil
        }
        guard let parts, parts.count == count else { return nil }
        return zip(parts, roles).map { WeightTensor(.packed($0), role: $1) }
    }

    /// The weight of every so manyth column: a matrix's outputs where each is its transpose, else a bias's elements.
    private func columns(_ tensor: StoredTensor, from first: Int, step: Int) -> PackedTensor? {
        let columns = tensor.shape[tensor.shape.count - 1] / step
        let layout: EveryFewColumns
        let shape: [Int]
        switch (tensor.shape.count, form.isTransposed) {
        case (2, false):
            layout = EveryFewColumns(
                tensor, rowsPerMatrix: 1, firstColumn: first, step: step, isTransposed: false)
            shape = [tensor.shape[0], columns]
        case (3, true):
            layout = EveryFewColumns(
                tensor, rowsPerMatrix: tensor.shape[1], firstColumn: first, step: step,
                isTransposed: true)
            shape = [tensor.shape[0], columns, tensor.shape[1]]
        default: return nil
        }
        return PackedTensor(
            name: tensor.name, shape: shape, valueType: tensor.type,
            label: "\(tensor.type.name), by turns", layout: layout, parts: [tensor])
    }
}

/// Every so manyth column of a plain tensor's matrices, or the rows that these are in their transposes.
private final class EveryFewColumns: PackedLayout {
    private let tensor: StoredTensor
    private let rowsPerMatrix: Int
    private let firstColumn: Int
    private let step: Int
    private let isTransposed: Bool
    /// The length of the tensor's rows.
    private let width: Int
    let rows: Int
    let columns: Int

    /// - Precondition: rows of a plain type, a multiple of the step long, a whole number of matrices.
    init(
        _ tensor: StoredTensor, rowsPerMatrix: Int, firstColumn: Int, step: Int,
        isTransposed: Bool
    ) {
        self.tensor = tensor
        self.rowsPerMatrix = rowsPerMatrix
        self.firstColumn = firstColumn
        self.step = step
        self.isTransposed = isTransposed
        width = tensor.description.columns
        let count = (tensor.description.elementCount ?? 0) / max(width, 1)
        precondition(width % step == 0 && count % rowsPerMatrix == 0)
        rows = isTransposed ? count / rowsPerMatrix * (width / step) : count
        columns = isTransposed ? rowsPerMatrix : width / step
    }

    func widen(_ rows: Range<Int>, into values: UnsafeMutablePointer<Float>) {
        guard isTransposed else {
            for (index, row) in rows.enumerated() {
                read(row, from: firstColumn, count: columns, into: values + index * columns, 1)
            }
            return
        }
        let outputs = width / step
        for matrix in rows.lowerBound / outputs...max(rows.lowerBound, rows.upperBound - 1)
            / outputs
        {
            let own = rows.clamped(to: matrix * outputs..<(matrix + 1) * outputs)
            guard !own.isEmpty else { continue }
            let target = values + (own.lowerBound - rows.lowerBound) * columns
            let first = firstColumn + step * (own.lowerBound - matrix * outputs)
            for input in 0..<rowsPerMatrix {
                read(
                    matrix * rowsPerMatrix + input, from: first, count: own.count,
                    into: target + input, columns)
            }
        }
    }

    /// Widens elements of a row of the tensor, each a step after the one before it, to places that are so far apart.
    private func read(
        _ row: Int, from first: Int, count: Int, into target: UnsafeMutablePointer<Float>,
        _ stride: Int
    ) {
        let start = row * width + first
        let segment = [Float](filling: step * (count - 1) + 1) { buffer in
            // Plain types have a value for every element.
            _ = try? tensor.widen(start..<start + buffer.count, into: buffer)
        }
        for index in 0..<count { target[index * stride] = segment[index * step] }
    }
}
