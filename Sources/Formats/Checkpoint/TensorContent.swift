/// Where an output tensor's bytes come from: a source tensor or new values, with low-rank updates added or not, taken
/// row by row.
public struct TensorContent: Sendable {
    enum Origin: Sendable {
        case tensor(CheckpointTensor)
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

        /// A matrix with its rows in this order, given with those of its source.
        func reordered(_ values: [Float], columns: Int) -> [Float] {
            guard self != .same, columns > 0 else { return values }
            return (0..<values.count / columns).flatMap { row in
                let first = source(of: row) * columns
                return values[first..<(first + columns)]
            }
        }
    }

    let origin: Origin
    let order: RowOrder
    /// Added to the rows; like them in the source's order.
    let updates: [LowRankUpdate]

    /// A source tensor's data.
    public static func tensor(
        _ tensor: CheckpointTensor, order: RowOrder = .same, adding updates: [LowRankUpdate] = []
    ) -> TensorContent {
        TensorContent(origin: .tensor(tensor), order: order, updates: updates)
    }

    /// Values in C order.
    public static func values(
        _ values: [Float], order: RowOrder = .same, adding updates: [LowRankUpdate] = []
    ) -> TensorContent {
        TensorContent(origin: .values(values), order: order, updates: updates)
    }

    /// Whether the bytes are the source's own, in its order and type.
    public func isCopy(as type: ElementType) -> Bool {
        order == .same && isKept(as: type)
    }

    /// Whether each row's bytes are the source's own.
    private func isKept(as type: ElementType) -> Bool {
        guard updates.isEmpty, case .tensor(let tensor) = origin else { return false }
        return tensor.type == type
    }

    /// Where the bytes come from, in a few words.
    public var summary: String {
        let place =
            switch origin {
            case .values: "new values"
            case .tensor(let tensor): "\(tensor.name) (\(tensor.type.name))"
            }
        let additions = updates.map { " + update of rank \($0.rank)" }.joined()
        return place + additions + (order == .same ? "" : ", rows reordered")
    }

    /// Writes some rows of the tensor that `description` names, in its type, to `destination`.
    ///
    /// Rows are those of the source seen as a matrix of `columns`; a bias that follows a row order has columns of 1.
    ///
    /// - Returns: how many finite values became infinite.
    /// - Throws: `CheckpointError.cannotEncode` where a type cannot be widened or written, or cannot hold a value.
    func write(
        rows: Range<Int>, columns: Int, of description: TensorDescription,
        to destination: UnsafeMutableRawBufferPointer
    ) throws(CheckpointError) -> Int {
        let rowBytes = description.type.byteCount(elements: columns) ?? 0
        var overflows = 0
        var row = [Float](repeating: 0, count: columns)
        var sums = row
        for (index, number) in rows.enumerated() {
            let target = UnsafeMutableRawBufferPointer(
                rebasing: destination[(index * rowBytes)..<((index + 1) * rowBytes)])
            let source = order.source(of: number)
            do throws(QuantizationError) {
                if isKept(as: description.type) {
                    copy(row: source, to: target)
                    continue
                }
                try read(row: source, into: &row)
                for update in updates {
                    row.withUnsafeMutableBufferPointer { row in
                        sums.withUnsafeMutableBufferPointer {
                            update.add(row: source, to: row, sums: $0)
                        }
                    }
                }
                overflows += try row.withUnsafeBufferPointer { row throws(QuantizationError) in
                    try RowEncoder.encode(row, as: description.type, into: target)
                }
            } catch {
                throw .cannotEncode(tensor: description.name, row: number, problem: error)
            }
        }
        return overflows
    }

    /// Copies the source's bytes of a row, as many as the target takes.
    private func copy(row: Int, to target: UnsafeMutableRawBufferPointer) {
        guard case .tensor(let tensor) = origin else { return }
        tensor.bytes.withUnsafeBytes { bytes in
            let range = (row * target.count)..<((row + 1) * target.count)
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[range]))
        }
    }

    /// Reads a row of the source as f32.
    private func read(row: Int, into values: inout [Float]) throws(QuantizationError) {
        let columns = values.count
        switch origin {
        case .values(let source):
            values.replaceSubrange(
                0..<columns, with: source[(row * columns)..<((row + 1) * columns)])
        case .tensor(let tensor):
            guard let rowBytes = tensor.type.byteCount(elements: columns) else {
                throw .sizeMismatch(type: tensor.type, elements: columns, bytes: 0)
            }
            try tensor.bytes.withUnsafeBytes { bytes throws(QuantizationError) in
                let range = (row * rowBytes)..<((row + 1) * rowBytes)
                try values.withUnsafeMutableBufferPointer { buffer throws(QuantizationError) in
                    try Dequantizer.widen(
                        UnsafeRawBufferPointer(rebasing: bytes[range]), type: tensor.type,
                        into: buffer)
                }
            }
        }
    }
}
