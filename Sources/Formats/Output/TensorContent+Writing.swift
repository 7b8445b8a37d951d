extension TensorContent {
    /// Writes some rows of the tensor that `description` names, in its type, to `destination`.
    ///
    /// Rows are those of the output seen as a matrix of `columns`; a vector whose elements have an order has columns of 1.
    ///
    /// - Parameter measuring: whether the stored values are read back and compared with those that were to be stored.
    /// - Returns: how they differ; of rows that are the source's bytes nothing is looked at.
    /// - Throws: `CheckpointError.cannotEncode` where a type cannot be widened or written, or cannot hold a value.
    func write(
        rows: Range<Int>, columns: Int, of description: TensorDescription,
        to destination: UnsafeMutableRawBufferPointer, measuring: Bool
    ) throws(CheckpointError) -> RoundingSums {
        let rowBytes = description.type.byteCount(elements: columns) ?? 0
        let source: WeightRows
        switch origin {
        case .rows(let own): source = own
        case .parts(let parts, let count):
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
            self, source, rows: rows, columns: columns, description, measuring: measuring)
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
}

extension WeightRows {
    /// Copies the source's bytes of a row, as many as the target takes.
    fileprivate func copy(row: Int, to target: UnsafeMutableRawBufferPointer) {
        guard let tensor else { return }
        let source = change.rows.source(of: row)
        tensor.bytes.withUnsafeBytes { bytes in
            let range = (source * target.count)..<((source + 1) * target.count)
            target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[range]))
        }
    }

    /// The number itself where the source holds f64, which f32 rounds; nil for all others.
    fileprivate func double(row: Int, column: Int, columns: Int) -> Double? {
        guard let tensor, tensor.type == .f64 else { return nil }
        let source = change.rows.source(of: row)
        let width = tensor.description.columns
        let index = change.isTransposed ? column * width + source : source * columns + column
        return tensor.bytes.withUnsafeBytes { bytes in
            bytes.count >= (index + 1) * 8
                ? bytes.loadUnaligned(fromByteOffset: index * 8, as: Double.self) : nil
        }
    }
}

/// Makes rows of one content, a few buffers of their length in hand, and measures what storing them loses.
private struct RowWriter {
    private let source: WeightRows
    private let reader: RowReader
    private let formerReader: RowReader?
    private let updates: [LowRankUpdate]
    private let description: TensorDescription
    private let columns: Int
    private let isMeasured: Bool
    /// Whether each row's bytes are the source's own.
    private let isKept: Bool
    /// Whether what is stored is what was to be stored, whatever the values.
    private let isExact: Bool
    /// To be stored.
    private var row: [Float]
    private var part: [Float] = []
    private var update: [Float] = []
    private var former: [Float] = []
    private var stored: [Float] = []
    private(set) var sums = RoundingSums()

    init(
        _ content: TensorContent, _ source: WeightRows, rows: Range<Int>, columns: Int,
        _ description: TensorDescription, measuring: Bool
    ) throws(CheckpointError) {
        self.source = source
        self.description = description
        self.columns = columns
        updates = content.updates
        isMeasured = measuring
        isKept = content.isKept(as: description.type)
        isExact =
            description.type.holdsExactly(source.tensor?.type ?? .f32) && source.change.shift == 0
        func reader(_ source: WeightRows) throws(CheckpointError) -> RowReader {
            try RowReader(source, rows: rows, columns, name: description.name)
        }
        self.reader = try reader(source)
        formerReader =
            if measuring, let former = content.former { try reader(former) } else { nil }
        let zeros = [Float](repeating: 0, count: columns)
        row = zeros
        if isChanged { (part, update, former) = (zeros, zeros, zeros) }
        if measuring { stored = zeros }
    }

    /// Whether the row may be another than the model had, so that the change is measured.
    private var isChanged: Bool { !updates.isEmpty || formerReader != nil }

    mutating func write(
        row number: Int, to target: UnsafeMutableRawBufferPointer
    ) throws(QuantizationError) {
        if isKept { return source.copy(row: number, to: target) }
        try row.withUnsafeMutableBufferPointer { row throws(QuantizationError) in
            try reader.read(row: number, into: row)
        }
        if isChanged { try change(row: number) }
        let isFinite = !isMeasured || checkFinite(row: number)
        let overflows = try row.withUnsafeBufferPointer { row throws(QuantizationError) in
            try RowEncoder.encode(row, as: description.type, into: target)
        }
        guard isMeasured else {
            sums.overflowCount += overflows
            return
        }
        sums.elementCount += columns
        guard !isExact || isChanged || !isFinite else { return }
        try measure(row: number, target)
    }

    /// Adds the updates, or takes new values for an update of the former ones.
    private mutating func change(row number: Int) throws(QuantizationError) {
        if let formerReader {
            try former.withUnsafeMutableBufferPointer { former throws(QuantizationError) in
                try formerReader.read(row: number, into: former)
            }
            for column in 0..<columns { update[column] = row[column] - former[column] }
        } else {
            for column in 0..<columns {
                former[column] = row[column]
                update[column] = 0
            }
        }
        for added in updates {
            part.withUnsafeMutableBufferPointer { added.write(row: number, to: $0) }
            for column in 0..<columns {
                row[column] += part[column]
                update[column] += part[column]
            }
        }
    }

    /// Counts values that are not finite before they are encoded.
    private mutating func checkFinite(row number: Int) -> Bool {
        let before = isChanged ? former : row
        var sums = sums
        let isFinite = row.withUnsafeBufferPointer { row in
            before.withUnsafeBufferPointer { sums.addNotFinite(row, former: $0) }
        }
        if !isFinite {
            // Of an f64 source, f32 may have made what the output cannot hold.
            for column in 0..<columns where before[column].isInfinite {
                guard let value = source.double(row: number, column: column, columns: columns),
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
        row number: Int, _ target: UnsafeMutableRawBufferPointer
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
        addRoundingOfDoubles(row: number)
    }

    /// Adds what f32 has rounded already of an f64 source.
    private mutating func addRoundingOfDoubles(row number: Int) {
        guard source.tensor?.type == .f64 else { return }
        for column in 0..<columns {
            guard let value = source.double(row: number, column: column, columns: columns)
            else { return }
            let (sum, widened) = (value + Double(source.change.shift), Double(row[column]))
            guard sum.isFinite, widened.isFinite, stored[column].isFinite else { continue }
            let (total, counted) = (Double(stored[column]) - sum, Double(stored[column]) - widened)
            sums.errorSquares += total * total - counted * counted
        }
    }
}
