/// A weight's values as the model computes with them, whatever file they lie in: widened to f32, a matrix with a row
/// for each output, the rows in an order that the two checkpoints of a comparison share, a shift of norms undone.
///
/// It is the converter's own way of bringing a tensor into another format's layout (`TensorContent`), so that two files
/// of which one was made from the other compare as equal.
package struct CanonicalTensor: Sendable {
    /// The tensor in its file; nil for the zeros that stand for a bias the file does not have.
    package let tensor: CheckpointTensor?
    /// (outputs, inputs) for a matrix, (outputs) for a bias or norm.
    package let shape: [Int]
    private let content: TensorContent

    /// - Parameter order: how the rows of the tensor become the shared ones.
    init(_ tensor: CheckpointTensor, order: TensorContent.RowOrder) {
        self.tensor = tensor
        shape = tensor.canonicalShape
        content = TensorContent(
            origin: .tensor(tensor), order: order, isTransposed: tensor.isTransposed,
            shift: tensor.shift)
    }

    /// Zeros in place of a bias that is not there.
    init(zeros shape: [Int]) {
        tensor = nil
        self.shape = shape
        content = .values([])
    }

    /// Whether rows can only be read whole, because they lie elsewhere in the file.
    var needsWholeRows: Bool { content.order != .same || content.isTransposed }

    /// Whether the rows have an order of their own in the file.
    var isReordered: Bool { content.order != .same }

    /// Whether the file holds the transpose, whose rows cannot be read without the whole file's.
    var isTransposed: Bool { content.isTransposed }

    /// Whether the values are the file's own and in its order.
    var isPlain: Bool { !needsWholeRows && content.shift == 0 && tensor != nil }

    /// Whether the type of the elements can be widened.
    var isReadable: Bool { tensor.map { Dequantizer.isSupported($0.type) } ?? true }

    /// Where in the file's own shape a canonical element lies.
    ///
    /// - Parameter columns: the length of the rows that were compared.
    func place(of element: Int, columns: Int) -> [Int] {
        guard columns > 0 else { return [] }
        let (row, column) = element.quotientAndRemainder(dividingBy: columns)
        let source = content.order.source(of: row)
        guard shape.count > 1 else { return [columns == 1 ? source : column] }
        return content.isTransposed ? [column, source] : [source, column]
    }

    /// The file's bytes of some elements, where they are the values in their order.
    func storedBytes(_ elements: Range<Int>) -> MappedBytes? {
        guard isPlain, let tensor, let start = tensor.type.byteCount(elements: elements.lowerBound),
            let end = tensor.type.byteCount(elements: elements.upperBound)
        else { return nil }
        return tensor.bytes.slice(start..<end)
    }

    /// The file's bytes of a canonical row; nil where they lie in strides.
    func storedBytes(ofRow row: Int, columns: Int) -> MappedBytes? {
        guard !isTransposed, let tensor, let size = tensor.type.byteCount(elements: columns)
        else { return nil }
        let source = content.order.source(of: row)
        return tensor.bytes.slice((source * size)..<((source + 1) * size))
    }

    /// What is added to the file's values.
    var shift: Float { content.shift }

    /// Reads values in canonical order.
    ///
    /// - Parameters:
    ///   - elements: whole blocks of the type; whole rows where `needsWholeRows`
    ///   - columns: the length of a row; 1 for a bias whose elements have an order
    ///   - values: as many as there are elements
    /// - Throws: `CheckpointError.cannotEncode` where the type cannot be widened.
    func read(
        _ elements: Range<Int>, columns: Int, into values: UnsafeMutableBufferPointer<Float>
    ) throws(CheckpointError) {
        guard let tensor else { return values.update(repeating: 0) }
        guard !needsWholeRows else {
            let rows = (elements.lowerBound / columns)..<(elements.upperBound / columns)
            _ = try content.write(
                rows: rows, columns: columns,
                of: TensorDescription(name: tensor.name, type: .f32, shape: shape),
                to: UnsafeMutableRawBufferPointer(values), measuring: false)
            return
        }
        do throws(QuantizationError) {
            guard let start = tensor.type.byteCount(elements: elements.lowerBound),
                let end = tensor.type.byteCount(elements: elements.upperBound),
                let bytes = tensor.bytes.slice(start..<end)
            else {
                throw .sizeMismatch(
                    type: tensor.type, elements: elements.count, bytes: tensor.bytes.count)
            }
            try bytes.withUnsafeBytes { bytes throws(QuantizationError) in
                try Dequantizer.widen(bytes, type: tensor.type, into: values)
            }
        } catch {
            throw .cannotEncode(
                tensor: tensor.name, row: elements.lowerBound / columns, problem: error)
        }
        if content.shift != 0 { for index in values.indices { values[index] += content.shift } }
    }

    /// Gives the file's pages of some elements back to the system.
    func releasePages(_ elements: Range<Int>, columns: Int) {
        guard columns > 0 else { return }
        content.releaseSource(
            rows: (elements.lowerBound / columns)..<(elements.upperBound / columns),
            columns: columns)
    }
}
