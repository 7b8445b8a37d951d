/// Where an output tensor's bytes come from: a source tensor or new values, with low-rank updates added or not, taken
/// row by row.
public struct TensorContent: Sendable {
    enum Origin: Sendable {
        case tensor(CheckpointTensor)
        case values([Float])
        /// Contents one after the other, each of so many rows: the experts of a mixture.
        case parts([TensorContent], rows: Int)
    }

    let origin: Origin
    let order: RowOrder
    /// Whether the output is the transpose of the origin.
    let isTransposed: Bool
    /// Added to each value of the origin.
    let shift: Float
    /// Added to the rows of the output; their own rows are in the source's order.
    let updates: [LowRankUpdate]

    init(
        origin: Origin, order: RowOrder = .same, isTransposed: Bool = false, shift: Float = 0,
        updates: [LowRankUpdate] = []
    ) {
        self.origin = origin
        self.order = order
        self.isTransposed = isTransposed
        self.shift = shift
        self.updates = updates
    }

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
        guard updates.isEmpty, shift == 0, !isTransposed, case .tensor(let tensor) = origin else {
            return false
        }
        return tensor.type == type
    }

    /// Where the bytes come from, in a few words.
    public var summary: String {
        let place =
            switch origin {
            case .values: "new values"
            case .tensor(let tensor): "\(tensor.name) (\(tensor.type.name))"
            case .parts(let parts, _):
                "\(parts.count) experts, first \(parts.first?.summary ?? "none")"
            }
        let additions = updates.map { " + update of rank \($0.rank)" }.joined()
        let sum = shift == 0 ? "" : shift > 0 ? " + 1" : " - 1"
        return place + sum + additions + (order == .same ? "" : ", rows reordered")
            + (isTransposed ? ", transposed" : "")
    }

    // MARK: - Rows

    /// Writes some rows of the tensor that `description` names, in its type, to `destination`.
    ///
    /// Rows are those of the output seen as a matrix of `columns`; a bias that follows a row order has columns of 1.
    ///
    /// - Returns: how many finite values became infinite.
    /// - Throws: `CheckpointError.cannotEncode` where a type cannot be widened or written, or cannot hold a value.
    func write(
        rows: Range<Int>, columns: Int, of description: TensorDescription,
        to destination: UnsafeMutableRawBufferPointer
    ) throws(CheckpointError) -> Int {
        let rowBytes = description.type.byteCount(elements: columns) ?? 0
        if case .parts(let parts, let count) = origin {
            return try writeParts(
                parts, of: count, rows: rows, columns: columns, description, rowBytes: rowBytes,
                to: destination)
        }
        let tile = try isTransposed ? tile(rows: rows, columns: columns, description) : []
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
                if isTransposed {
                    row.replaceSubrange(
                        0..<columns, with: tile[(index * columns)..<((index + 1) * columns)])
                } else {
                    try read(source * columns, into: &row)
                }
                if shift != 0 { for column in row.indices { row[column] += shift } }
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

    private func writeParts(
        _ parts: [TensorContent], of count: Int, rows: Range<Int>, columns: Int,
        _ description: TensorDescription, rowBytes: Int,
        to destination: UnsafeMutableRawBufferPointer
    ) throws(CheckpointError) -> Int {
        var overflows = 0
        for (part, own) in Self.split(rows, by: count) where parts.indices.contains(part) {
            let first = (part * count + own.lowerBound - rows.lowerBound) * rowBytes
            overflows += try parts[part].write(
                rows: own, columns: columns, of: description,
                to: UnsafeMutableRawBufferPointer(
                    rebasing: destination[first..<(first + own.count * rowBytes)]))
        }
        return overflows
    }

    /// The parts that rows fall into, and their rows in each.
    private static func split(_ rows: Range<Int>, by count: Int) -> [(part: Int, rows: Range<Int>)]
    {
        guard count > 0, !rows.isEmpty else { return [] }
        return ((rows.lowerBound / count)...((rows.upperBound - 1) / count)).map { part in
            let own = rows.clamped(to: (part * count)..<((part + 1) * count))
            return (part, (own.lowerBound - part * count)..<(own.upperBound - part * count))
        }
    }

    /// Copies the source's bytes of a row, as many as the target takes.
    private func copy(row: Int, to target: UnsafeMutableRawBufferPointer) {
        guard case .tensor(let tensor) = origin else { return }
        tensor.bytes.withUnsafeBytes { bytes in
            let range = (row * target.count)..<((row + 1) * target.count)
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[range]))
        }
    }

    /// Reads elements of the origin as f32, from an element on that begins a block.
    private func read(_ first: Int, into values: inout [Float]) throws(QuantizationError) {
        let count = values.count
        switch origin {
        case .parts: break
        case .values(let source):
            values.replaceSubrange(0..<count, with: source[first..<(first + count)])
        case .tensor(let tensor):
            guard let start = tensor.type.byteCount(elements: first),
                let size = tensor.type.byteCount(elements: count)
            else { throw .sizeMismatch(type: tensor.type, elements: count, bytes: 0) }
            try tensor.bytes.withUnsafeBytes { bytes throws(QuantizationError) in
                try values.withUnsafeMutableBufferPointer { buffer throws(QuantizationError) in
                    try Dequantizer.widen(
                        UnsafeRawBufferPointer(rebasing: bytes[start..<(start + size)]),
                        type: tensor.type, into: buffer)
                }
            }
        }
    }

    /// The rows of the transpose: of each row of the origin the elements that belong to them.
    ///
    /// - Returns: (rows, columns)
    private func tile(
        rows: Range<Int>, columns: Int, _ description: TensorDescription
    ) throws(CheckpointError) -> [Float] {
        let (width, block) =
            switch origin {
            case .tensor(let tensor): (tensor.description.columns, tensor.type.elementsPerBlock)
            case .values(let values): (values.count / max(columns, 1), 1)
            case .parts: (0, 1)
            }
        let first = rows.lowerBound / block * block
        let end = (rows.upperBound + block - 1) / block * block
        var tile = [Float](repeating: 0, count: rows.count * columns)
        // Several rows of the origin at a time, so that a row of the transpose gets neighbours together.
        var segments = Array(
            repeating: [Float](repeating: 0, count: end - first), count: max(1, min(16, columns)))
        for start in stride(from: 0, to: columns, by: segments.count) {
            let count = min(segments.count, columns - start)
            for step in 0..<count {
                do throws(QuantizationError) {
                    try read((start + step) * width + first, into: &segments[step])
                } catch {
                    throw .cannotEncode(tensor: description.name, row: start + step, problem: error)
                }
            }
            for row in 0..<rows.count {
                let place = row * columns + start
                let element = rows.lowerBound - first + row
                for step in 0..<count { tile[place + step] = segments[step][element] }
            }
        }
        return tile
    }

    /// Gives the source's pages of some rows back to the system.
    func releaseSource(rows: Range<Int>, columns: Int) {
        switch origin {
        case .values: break
        case .parts(let parts, let count):
            for (part, own) in Self.split(rows, by: count) where parts.indices.contains(part) {
                parts[part].releaseSource(rows: own, columns: columns)
            }
        case .tensor(let tensor):
            // The rows of a transpose are all over the source.
            if isTransposed { return tensor.releasePages() }
            guard let bytes = tensor.type.byteCount(elements: columns),
                let range = tensor.bytes.slice(
                    (rows.lowerBound * bytes)..<(rows.upperBound * bytes))?.range
            else { return }
            tensor.bytes.file.release(range)
        }
    }
}
