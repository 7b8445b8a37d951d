/// A weight whose values several tensors of a folder make together: codes and what scales, zero points, tables or an
/// order beside them make of those. It stands under the name and in the shape that the unquantised model gives it.
///
/// It has no bytes of its own: whoever wants the files' bytes asks for its parts, whoever wants numbers reads them.
package struct PackedTensor: Sendable {
    package let name: String
    package let shape: [Int]
    /// A type that holds every value.
    package let valueType: ElementType
    /// How it is packed, in a few words.
    package let label: String
    /// The tensors that belong to it, that of the codes first; those that make no values too, such as the scales of
    /// activations.
    package private(set) var parts: [StoredTensor]
    /// Which matrix of a tensor of all experts it is; nil for a whole tensor.
    package let expert: Int?
    private let layout: any PackedLayout
    /// Where its rows begin among those of the layout.
    private let firstRow: Int

    /// - Precondition: the layout has a row for each of the shape's.
    init(
        name: String, shape: [Int], valueType: ElementType = .f32, label: String,
        layout: any PackedLayout, parts: [StoredTensor]
    ) {
        self.init(
            name: name, shape: shape, valueType: valueType, label: label, parts: parts,
            expert: nil, layout: layout, firstRow: 0)
        precondition(rowCount == layout.rows && columns == layout.columns)
    }

    private init(
        name: String, shape: [Int], valueType: ElementType, label: String, parts: [StoredTensor],
        expert: Int?, layout: any PackedLayout, firstRow: Int
    ) {
        self.name = name
        self.shape = shape
        self.valueType = valueType
        self.label = label
        self.parts = parts
        self.expert = expert
        self.layout = layout
        self.firstRow = firstRow
    }

    /// The length of a row.
    package var columns: Int { shape.last ?? 1 }

    private var rowCount: Int { shape.dropLast().reduce(1, *) }

    /// Whether it is made of codes, which other types round once more, and not only another order of plain values.
    var isQuantized: Bool { parts.first.map { !$0.type.isPlainFloat } ?? true }

    /// The bytes of all parts.
    package var byteCount: Int { parts.reduce(0) { $0 + $1.bytes.count } }

    /// Adds a tensor that belongs to it and makes no values.
    mutating func carry(_ part: StoredTensor) { parts.append(part) }

    /// Gives the parts' pages of memory back to the system; they are read again where they are needed again.
    package func releasePages() {
        for part in parts { part.releasePages() }
    }

    /// Whether both are packed in the same way and made of the same bytes.
    package func hasBytes(of other: PackedTensor) -> Bool {
        label == other.label && shape == other.shape && firstRow == other.firstRow
            && parts.count == other.parts.count
            && zip(parts, other.parts).allSatisfy { $0.hasBytes(of: $1) }
    }

    // MARK: - Parts of it

    /// One expert's matrix of a tensor that holds those of all experts, or nil where it has no such expert.
    func matrix(ofExpert expert: Int) -> PackedTensor? {
        guard shape.count == 3, (0..<shape[0]).contains(expert) else { return nil }
        return part(
            shape: Array(shape.dropFirst()), from: firstRow + expert * shape[1], expert: expert)
    }

    /// Some of the rows of a matrix; nil where it does not have them.
    func rows(_ rows: Range<Int>) -> PackedTensor? {
        guard shape.count == 2, rows.lowerBound >= 0, rows.upperBound <= shape[0] else {
            return nil
        }
        return part(
            shape: [rows.count, columns], from: firstRow + rows.lowerBound, expert: expert)
    }

    private func part(shape: [Int], from first: Int, expert: Int?) -> PackedTensor {
        PackedTensor(
            name: name, shape: shape, valueType: valueType, label: label, parts: parts,
            expert: expert, layout: layout, firstRow: first)
    }

    // MARK: - Blocks

    /// The GGUF type whose blocks its codes and scales are as they stand; nil where they are none.
    var blockType: ElementType? { layout.blocks?.type }

    /// What the values of those blocks are multiplied by: what a GGUF file keeps in a tensor of its own.
    var blockFactor: Float { layout.blocks?.factor ?? 1 }

    /// Writes the blocks of a row.
    ///
    /// - Throws: as `FourBitBlocks.write`.
    /// - Precondition: `blockType` is not nil.
    func writeBlocks(
        row: Int, to target: UnsafeMutableRawBufferPointer
    ) throws(QuantizationError) {
        try layout.blocks?.write(row: firstRow + row, to: target)
    }

    /// What activations are divided by where the hardware multiplies NVFP4 by NVFP4; nil where no tensor says.
    var activationScale: Float? {
        for part in parts {
            guard part.name.hasSuffix(".input_scale") || part.name.hasSuffix(".input_global_scale"),
                let values = try? part.values(), values.count == 1
            else { continue }
            return part.name.hasSuffix(".input_scale") ? values[0] : 1 / values[0]
        }
        return nil
    }

    // MARK: - Values

    /// Widens whole rows to f32.
    ///
    /// - Parameters:
    ///   - rows: of the matrix, or of the matrices one after the other
    ///   - values: (rows, columns)
    package func widen(rows: Range<Int>, into values: UnsafeMutablePointer<Float>) {
        layout.widen((firstRow + rows.lowerBound)..<(firstRow + rows.upperBound), into: values)
    }

    /// The weights of which each row of a matrix is one's, by turns: those that have every so manyth row, from each on.
    ///
    /// - Returns: nil where a matrix has another number of rows.
    func turns(_ count: Int) -> [PackedTensor]? {
        guard shape.count == 3, count > 0, shape[1] % count == 0 else { return nil }
        let rows = shape[1] / count
        return (0..<count).map { turn in
            PackedTensor(
                name: name, shape: [shape[0], rows, columns], valueType: valueType, label: label,
                layout: EveryFewRows(
                    layout, firstRow: firstRow + turn, step: count, count: shape[0] * rows),
                parts: parts)
        }
    }

    /// Widens elements to f32, as many as there is room for, whole rows or not.
    package func widen(from first: Int, into values: UnsafeMutableBufferPointer<Float>) {
        guard let target = values.baseAddress, columns > 0 else { return }
        let rows = (first / columns)..<((first + values.count - 1) / columns + 1)
        guard rows.count * columns != values.count else {
            return widen(rows: rows, into: target)
        }
        let whole = [Float](filling: rows.count * columns) { buffer in
            if let start = buffer.baseAddress { widen(rows: rows, into: start) }
        }
        let start = first - rows.lowerBound * columns
        for index in values.indices { values[index] = whole[start + index] }
    }
}
