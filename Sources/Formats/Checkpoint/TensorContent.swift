/// Where an output tensor's bytes come from: a source tensor, taken as it is or changed row by row, or values.
public struct TensorContent: Sendable {
    enum Origin: Sendable {
        case tensor(CheckpointTensor, order: RowOrder)
        case values([Float])
    }

    /// The order in which an output takes the rows of its source.
    public enum RowOrder: Sendable, Hashable {
        case same
        /// Hugging Face's half-split rows become llama.cpp's interleaved ones, head by head.
        case interleavingHeads(headSize: Int)
        /// The inverse.
        case splittingHeads(headSize: Int)

        /// The source row that output row `row` is.
        public func source(of row: Int) -> Int {
            switch self {
            case .same: return row
            case .interleavingHeads(let headSize):
                let (head, place) = row.quotientAndRemainder(dividingBy: headSize)
                return head * headSize + (place % 2) * (headSize / 2) + place / 2
            case .splittingHeads(let headSize):
                let (head, place) = row.quotientAndRemainder(dividingBy: headSize)
                let half = headSize / 2
                return head * headSize + 2 * (place % half) + place / half
            }
        }
    }

    let origin: Origin

    /// A source tensor's data.
    public static func tensor(_ tensor: CheckpointTensor, order: RowOrder = .same) -> TensorContent
    {
        TensorContent(origin: .tensor(tensor, order: order))
    }

    /// Values in C order.
    public static func values(_ values: [Float]) -> TensorContent {
        TensorContent(origin: .values(values))
    }

    /// Whether the bytes are the source's own, in its order and type.
    public func isCopy(as type: ElementType) -> Bool {
        if case .tensor(let tensor, .same) = origin { tensor.type == type } else { false }
    }

    /// Writes some rows, as elements of `type`, to `destination`.
    ///
    /// Rows are those of the source seen as a matrix of `columns`; a bias that follows a row order has columns of 1.
    ///
    /// - Returns: how many finite values became infinite.
    /// - Throws: `QuantizationError` where a type cannot be widened or written.
    func write(
        rows: Range<Int>, columns: Int, as type: ElementType,
        to destination: UnsafeMutableRawBufferPointer
    ) throws(QuantizationError) -> Int {
        switch origin {
        case .values(let values):
            return try values[(rows.lowerBound * columns)..<(rows.upperBound * columns)]
                .withUnsafeBufferPointer { part throws(QuantizationError) in
                    try FloatEncoder.encode(part, as: type, into: destination)
                }
        case .tensor(let tensor, let order):
            return try tensor.bytes.withUnsafeBytes { bytes throws(QuantizationError) in
                guard let rowBytes = tensor.type.byteCount(elements: columns) else {
                    throw .sizeMismatch(type: tensor.type, elements: columns, bytes: 0)
                }
                if tensor.type == type {
                    copyRows(rows, of: bytes, rowBytes: rowBytes, order: order, to: destination)
                    return 0
                }
                return try convertRows(
                    rows, of: bytes, rowBytes: rowBytes, columns: columns, from: tensor.type,
                    order: order,
                    as: type, to: destination)
            }
        }
    }

    private func copyRows(
        _ rows: Range<Int>, of bytes: UnsafeRawBufferPointer, rowBytes: Int, order: RowOrder,
        to destination: UnsafeMutableRawBufferPointer
    ) {
        if order == .same {
            destination.copyMemory(
                from: UnsafeRawBufferPointer(
                    rebasing: bytes[(rows.lowerBound * rowBytes)..<(rows.upperBound * rowBytes)]))
            return
        }
        for (index, row) in rows.enumerated() {
            let start = order.source(of: row) * rowBytes
            UnsafeMutableRawBufferPointer(
                rebasing: destination[(index * rowBytes)..<((index + 1) * rowBytes)]
            ).copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<(start + rowBytes)]))
        }
    }

    private func convertRows(
        _ rows: Range<Int>, of bytes: UnsafeRawBufferPointer, rowBytes: Int, columns: Int,
        from source: ElementType, order: RowOrder, as type: ElementType,
        to destination: UnsafeMutableRawBufferPointer
    ) throws(QuantizationError) -> Int {
        guard let outputBytes = type.byteCount(elements: columns) else {
            throw .sizeMismatch(type: type, elements: columns, bytes: 0)
        }
        var overflows = 0
        var row = [Float](repeating: 0, count: columns)
        for (index, number) in rows.enumerated() {
            let start = order.source(of: number) * rowBytes
            let part = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + rowBytes)])
            let target = UnsafeMutableRawBufferPointer(
                rebasing: destination[(index * outputBytes)..<((index + 1) * outputBytes)])
            overflows += try row.withUnsafeMutableBufferPointer {
                buffer throws(QuantizationError) in
                try Dequantizer.widen(part, type: source, into: buffer)
                return try FloatEncoder.encode(UnsafeBufferPointer(buffer), as: type, into: target)
            }
        }
        return overflows
    }
}
