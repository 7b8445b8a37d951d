extension TensorContent {
    /// Writes some rows of the tensor that `description` names, in its type, to `destination`.
    ///
    /// Rows are those of the output seen as a matrix of `columns`; a bias that follows a row order has columns of 1.
    ///
    /// - Parameter measuring: whether the stored values are read back and compared with those that were to be stored.
    /// - Returns: how they differ; of rows that are the source's bytes nothing is looked at.
    /// - Throws: `CheckpointError.cannotEncode` where a type cannot be widened or written, or cannot hold a value.
    func write(
        rows: Range<Int>, columns: Int, of description: TensorDescription,
        to destination: UnsafeMutableRawBufferPointer, measuring: Bool
    ) throws(CheckpointError) -> RoundingSums {
        let rowBytes = description.type.byteCount(elements: columns) ?? 0
        if case .parts(let parts, let count) = origin {
            var sums = RoundingSums()
            for (part, own) in Self.split(rows, by: count) where parts.indices.contains(part) {
                let first = (part * count + own.lowerBound - rows.lowerBound) * rowBytes
                sums.add(
                    try parts[part].write(
                        rows: own, columns: columns, of: description,
                        to: UnsafeMutableRawBufferPointer(
                            rebasing: destination[first..<(first + own.count * rowBytes)]),
                        measuring: measuring))
            }
            return sums
        }
        var writer = try RowWriter(
            self, rows: rows, columns: columns, description, measuring: measuring)
        for (index, number) in rows.enumerated() {
            let target = UnsafeMutableRawBufferPointer(
                rebasing: destination[(index * rowBytes)..<((index + 1) * rowBytes)])
            do throws(QuantizationError) {
                try writer.write(row: number, to: target)
            } catch {
                throw .cannotEncode(tensor: description.name, row: number, problem: error)
            }
        }
        return writer.sums
    }

    /// The parts that rows fall into, and their rows in each.
    static func split(_ rows: Range<Int>, by count: Int) -> [(part: Int, rows: Range<Int>)] {
        guard count > 0, !rows.isEmpty else { return [] }
        return ((rows.lowerBound / count)...((rows.upperBound - 1) / count)).map { part in
            let own = rows.clamped(to: (part * count)..<((part + 1) * count))
            return (part, (own.lowerBound - part * count)..<(own.upperBound - part * count))
        }
    }

    /// Copies the source's bytes of a row, as many as the target takes.
    fileprivate func copy(row: Int, to target: UnsafeMutableRawBufferPointer) {
        guard case .tensor(let tensor) = origin else { return }
        tensor.bytes.withUnsafeBytes { bytes in
            let range = (row * target.count)..<((row + 1) * target.count)
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[range]))
        }
    }

    /// Reads elements of the origin as f32, from an element on that begins a block.
    fileprivate func read(
        _ first: Int, into values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        let count = values.count
        switch origin {
        case .parts: break
        case .values(let source):
            for index in 0..<count { values[index] = source[first + index] }
        case .tensor(let tensor):
            guard let start = tensor.type.byteCount(elements: first),
                let size = tensor.type.byteCount(elements: count)
            else { throw .sizeMismatch(type: tensor.type, elements: count, bytes: 0) }
            try tensor.bytes.withUnsafeBytes { bytes throws(QuantizationError) in
                try Dequantizer.widen(
                    UnsafeRawBufferPointer(rebasing: bytes[start..<(start + size)]),
                    type: tensor.type, into: values)
            }
        }
    }

    /// The rows of the transpose: of each row of the origin the elements that belong to them.
    ///
    /// - Returns: (rows, columns); nothing where the output is not the transpose.
    fileprivate func tile(
        rows: Range<Int>, columns: Int, _ description: TensorDescription
    ) throws(CheckpointError) -> [Float] {
        guard isTransposed else { return [] }
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
                    try segments[step].withUnsafeMutableBufferPointer {
                        buffer throws(QuantizationError) in
                        try read((start + step) * width + first, into: buffer)
                    }
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

    /// The number itself where the origin holds f64, which f32 rounds; nil for all other origins.
    ///
    /// - Parameter row: of the output, in the source's order.
    fileprivate func double(row: Int, column: Int, columns: Int) -> Double? {
        guard case .tensor(let tensor) = origin, tensor.type == .f64 else { return nil }
        let width = tensor.description.columns
        let index = isTransposed ? column * width + row : row * columns + column
        return tensor.bytes.withUnsafeBytes { bytes in
            bytes.count >= (index + 1) * 8
                ? bytes.loadUnaligned(fromByteOffset: index * 8, as: Double.self) : nil
        }
    }
}

/// Makes rows of one content, a few buffers of their length in hand, and measures what storing them loses.
private struct RowWriter {
    private let content: TensorContent
    private let formerContent: TensorContent?
    private let description: TensorDescription
    private let firstRow: Int
    private let columns: Int
    private let isMeasured: Bool
    /// Whether what is stored is what was to be stored, whatever the values.
    private let isExact: Bool
    private let tile: [Float]
    private let formerTile: [Float]
    /// To be stored.
    private var row: [Float]
    private var part: [Float] = []
    private var update: [Float] = []
    private var former: [Float] = []
    private var stored: [Float] = []
    private(set) var sums = RoundingSums()

    init(
        _ content: TensorContent, rows: Range<Int>, columns: Int, _ description: TensorDescription,
        measuring: Bool
    ) throws(CheckpointError) {
        self.content = content
        self.description = description
        self.columns = columns
        firstRow = rows.lowerBound
        isMeasured = measuring
        let sourceType: ElementType =
            if case .tensor(let tensor) = content.origin { tensor.type } else { .f32 }
        isExact = description.type.holdsExactly(sourceType) && content.shift == 0
        formerContent = measuring ? content.formerContent : nil
        tile = try content.tile(rows: rows, columns: columns, description)
        formerTile = try formerContent?.tile(rows: rows, columns: columns, description) ?? []
        let zeros = [Float](repeating: 0, count: columns)
        row = zeros
        if !content.updates.isEmpty || formerContent != nil {
            (part, update, former) = (zeros, zeros, zeros)
        }
        if measuring { stored = zeros }
    }

    mutating func write(
        row number: Int, to target: UnsafeMutableRawBufferPointer
    ) throws(QuantizationError) {
        let source = content.order.source(of: number)
        if content.isKept(as: description.type) { return content.copy(row: source, to: target) }
        try Self.read(
            content, tile, row: source, at: number - firstRow, columns: columns, into: &row)
        let isChanged = !content.updates.isEmpty || formerContent != nil
        if isChanged { try change(row: source, at: number - firstRow) }
        let isFinite = !isMeasured || checkFinite(row: source, isChanged: isChanged)
        let overflows = try row.withUnsafeBufferPointer { row throws(QuantizationError) in
            try RowEncoder.encode(row, as: description.type, into: target)
        }
        guard isMeasured else {
            sums.overflowCount += overflows
            return
        }
        sums.elementCount += columns
        guard !isExact || isChanged || !isFinite else { return }
        try measure(row: source, target, isChanged: isChanged)
    }

    private static func read(
        _ content: TensorContent, _ tile: [Float], row source: Int, at index: Int, columns: Int,
        into row: inout [Float]
    ) throws(QuantizationError) {
        if content.isTransposed {
            row.replaceSubrange(
                0..<columns, with: tile[(index * columns)..<((index + 1) * columns)])
        } else {
            try row.withUnsafeMutableBufferPointer { row throws(QuantizationError) in
                try content.read(source * columns, into: row)
            }
        }
        guard content.shift != 0 else { return }
        for column in row.indices { row[column] += content.shift }
    }

    /// Adds the updates, or takes new values for an update of the former ones.
    private mutating func change(row source: Int, at index: Int) throws(QuantizationError) {
        if let formerContent {
            try Self.read(
                formerContent, formerTile, row: source, at: index, columns: columns, into: &former)
            for column in 0..<columns { update[column] = row[column] - former[column] }
        } else {
            for column in 0..<columns {
                former[column] = row[column]
                update[column] = 0
            }
        }
        for added in content.updates {
            part.withUnsafeMutableBufferPointer { added.write(row: source, to: $0) }
            for column in 0..<columns {
                row[column] += part[column]
                update[column] += part[column]
            }
        }
    }

    /// Counts values that are not finite before they are encoded.
    private mutating func checkFinite(row source: Int, isChanged: Bool) -> Bool {
        let before = isChanged ? former : row
        var sums = sums
        let isFinite = row.withUnsafeBufferPointer { row in
            before.withUnsafeBufferPointer { sums.addNotFinite(row, former: $0) }
        }
        if !isFinite {
            // Of an f64 source, f32 may have made what the output cannot hold.
            for column in 0..<columns where before[column].isInfinite {
                guard let value = content.double(row: source, column: column, columns: columns),
                    value.isFinite
                else { continue }
                sums.notFiniteCount -= 1
                sums.addOverflow(of: value)
            }
        }
        self.sums = sums
        return isFinite
    }

    private mutating func measure(
        row source: Int, _ target: UnsafeMutableRawBufferPointer, isChanged: Bool
    ) throws(QuantizationError) {
        try stored.withUnsafeMutableBufferPointer { stored throws(QuantizationError) in
            try Dequantizer.widen(
                UnsafeRawBufferPointer(target), type: description.type, into: stored)
        }
        var sums = sums
        stored.withUnsafeBufferPointer { stored in
            row.withUnsafeBufferPointer { sums.add(values: $0, stored: stored) }
            guard isChanged else { return }
            update.withUnsafeBufferPointer { update in
                former.withUnsafeBufferPointer {
                    sums.add(update: update, former: $0, stored: stored)
                }
            }
        }
        self.sums = sums
        guard !isChanged, description.type != .f64 else { return }
        addRoundingOfDoubles(row: source)
    }

    /// Adds what f32 has rounded already of an f64 source.
    private mutating func addRoundingOfDoubles(row source: Int) {
        guard case .tensor(let tensor) = content.origin, tensor.type == .f64 else { return }
        for column in 0..<columns {
            guard let value = content.double(row: source, column: column, columns: columns)
            else { return }
            let (sum, widened) = (value + Double(content.shift), Double(row[column]))
            guard sum.isFinite, widened.isFinite, stored[column].isFinite else { continue }
            let (total, counted) = (Double(stored[column]) - sum, Double(stored[column]) - widened)
            sums.errorSquares += total * total - counted * counted
        }
    }
}
