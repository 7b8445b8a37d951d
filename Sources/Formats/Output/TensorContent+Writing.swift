extension TensorContent {
    /// Writes some rows of the tensor that `description` names, in its type, to `destination`.
    ///
    /// Rows are those of the output seen as a matrix of `columns`; a vector whose elements have an order has columns of 1.
    ///
    /// - Parameters:
    ///   - importance: what the errors of quantised values are weighted by, row by row of the whole tensor
    ///   - measuring: whether the stored values are read back and compared with those that were to be stored.
    /// - Returns: how they differ; of rows that are the source's bytes nothing is looked at.
    /// - Throws: `CheckpointError.cannotEncode` where a type cannot be widened or written, or cannot hold a value.
    func write(
        rows: Range<Int>, columns: Int, of description: TensorDescription,
        importance: TensorImportance?, to destination: UnsafeMutableRawBufferPointer,
        measuring: Bool
    ) throws(CheckpointError) -> RoundingSums {
        let rowBytes = description.type.byteCount(elements: columns) ?? 0
        return try write(
            rows: rows, columns: columns, of: description, importance: importance,
            to: RowTarget(bytes: destination, stride: rowBytes), measuring: measuring)
    }

    private func write(
        rows: Range<Int>, columns: Int, of description: TensorDescription,
        importance: TensorImportance?, to target: RowTarget, measuring: Bool
    ) throws(CheckpointError) -> RoundingSums {
        guard !rows.isEmpty else { return RoundingSums() }
        var sums = RoundingSums()
        func write(
            _ part: TensorContent, _ rows: Range<Int>, _ columns: Int,
            _ importance: TensorImportance?, to target: RowTarget
        ) throws(CheckpointError) {
            sums.add(
                try part.write(
                    rows: rows, columns: columns, of: description, importance: importance,
                    to: target, measuring: measuring))
        }
        switch origin {
        case .parts(let parts, let count) where updates.isEmpty:
            for (part, own) in Self.split(rows, by: count) where parts.indices.contains(part) {
                let first = part * count + own.lowerBound - rows.lowerBound
                try write(
                    parts[part], own, columns, importance?.dropping(rows: part * count),
                    to: target.dropping(rows: first))
            }
        case .above(let first, let second, let count) where updates.isEmpty:
            let (upper, lower) = Self.split(rows, at: count)
            try write(first, upper, columns, importance, to: target)
            try write(
                second, lower, columns, importance?.dropping(rows: count),
                to: target.dropping(rows: upper.count))
        case .beside(let first, let second, let own) where updates.isEmpty && importance == nil:
            // Each side is stored by itself, so that whole blocks of a source stay as they are.
            let bytes = description.type.byteCount(elements: own) ?? 0
            try write(first, rows, own, nil, to: target)
            try write(second, rows, columns - own, nil, to: target.dropping(bytes: bytes))
        default:
            let rowBytes = description.type.byteCount(elements: columns) ?? 0
            var writer = try RowWriter(
                self, rows: rows, columns: columns, description, importance, measuring: measuring)
            for (index, number) in rows.enumerated() {
                do throws(QuantizationError) {
                    try writer.write(row: number, to: target.row(index, byteCount: rowBytes))
                } catch {
                    throw .cannotEncode(tensor: description.name, row: number, problem: error)
                }
            }
            return writer.sums
        }
        return sums
    }
}

/// Where rows go, each so many bytes after the one before it.
private struct RowTarget {
    let bytes: UnsafeMutableRawBufferPointer
    let stride: Int

    func row(_ index: Int, byteCount: Int) -> UnsafeMutableRawBufferPointer {
        let first = index * stride
        return UnsafeMutableRawBufferPointer(rebasing: bytes[first..<(first + byteCount)])
    }

    func dropping(rows: Int) -> RowTarget { dropping(bytes: rows * stride) }

    func dropping(bytes count: Int) -> RowTarget {
        RowTarget(
            bytes: UnsafeMutableRawBufferPointer(rebasing: bytes.dropFirst(count)), stride: stride)
    }
}

extension WeightRows {
    /// Copies the source's bytes of a row, as many as the target takes, or the codes and scales that its blocks are.
    ///
    /// - Throws: as `PackedTensor.writeBlocks`.
    fileprivate func copy(
        row: Int, to target: UnsafeMutableRawBufferPointer
    ) throws(QuantizationError) {
        let source = change.rows.source(of: row)
        if case .packed(let packed) = origin {
            return try packed.writeBlocks(row: source, to: target)
        }
        guard let tensor else { return }
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
        let index =
            change.isTransposed
            ? column * width + source : source * columns + change.columns.source(of: column)
        return tensor.bytes.withUnsafeBytes { bytes in
            bytes.count >= (index + 1) * 8
                ? bytes.loadUnaligned(fromByteOffset: index * 8, as: Double.self) : nil
        }
    }
}

/// Reads rows of a content as values.
private final class ContentReader {
    private indirect enum Origin {
        case rows
        case sections([(rows: Range<Int>, reader: ContentReader)])
        case beside(ContentReader, ContentReader, columns: Int)
        case turns(ContentReader, ContentReader)
    }

    private let origin: Origin
    private var reader: RowReader?
    /// What each row is multiplied by.
    private let multiplier: TensorContent.Multiplier?
    /// Added to each row.
    private let updates: [LowRankUpdate]

    /// - Parameters:
    ///   - rows: those that will be read
    ///   - multiplier: the content's own, or none where the caller multiplies
    ///   - updates: the content's own, or none where the caller adds them
    /// - Throws: `CheckpointError.cannotEncode` where a type cannot be widened.
    init(
        _ content: TensorContent, rows: Range<Int>, columns: Int, name: String,
        times multiplier: TensorContent.Multiplier?, adding updates: [LowRankUpdate]
    ) throws(CheckpointError) {
        self.multiplier = multiplier
        self.updates = updates
        func reader(
            _ part: TensorContent, _ rows: Range<Int>, _ columns: Int
        ) throws(CheckpointError) -> ContentReader {
            try ContentReader(
                part, rows: rows, columns: columns, name: name, times: part.multiplier,
                adding: part.updates)
        }
        switch content.origin {
        case .rows(let source):
            origin = .rows
            self.reader = try RowReader(source, rows: rows, columns, name: name)
        case .parts(let parts, let count):
            var sections: [(rows: Range<Int>, reader: ContentReader)] = []
            for (part, own) in TensorContent.split(rows, by: count)
            where parts.indices.contains(part) {
                sections.append(
                    (
                        (part * count)..<((part + 1) * count),
                        try reader(parts[part], own, columns)
                    ))
            }
            origin = .sections(sections)
        case .above(let first, let second, let count):
            let (upper, lower) = TensorContent.split(rows, at: count)
            origin = .sections([
                (0..<count, try reader(first, upper, columns)),
                (count..<Int.max, try reader(second, lower, columns)),
            ])
        case .beside(let first, let second, let own):
            origin = .beside(
                try reader(first, rows, own), try reader(second, rows, columns - own),
                columns: own)
        case .turns(let first, let second):
            origin = .turns(
                try reader(first, rows, columns / 2), try reader(second, rows, columns / 2))
        }
    }

    /// Reads one of the rows into a buffer of its length.
    ///
    /// - Throws: `QuantizationError` where a type cannot be widened.
    func read(
        row number: Int, into row: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        switch origin {
        case .rows: try reader?.read(row: number, into: row)
        case .sections(let sections):
            for section in sections where section.rows.contains(number) {
                try section.reader.read(row: number - section.rows.lowerBound, into: row)
            }
        case .beside(let first, let second, let columns):
            try first.read(
                row: number, into: UnsafeMutableBufferPointer(rebasing: row[..<columns]))
            try second.read(
                row: number, into: UnsafeMutableBufferPointer(rebasing: row[columns...]))
        case .turns(let first, let second):
            for (turn, part) in [first, second].enumerated() {
                let values = try [Float](filling: row.count / 2) {
                    target throws(QuantizationError) in
                    try part.read(row: number, into: target)
                }
                for (index, value) in values.enumerated() { row[2 * index + turn] = value }
            }
        }
        multiplier?.apply(to: row)
        guard !updates.isEmpty else { return }
        var part = [Float](repeating: 0, count: row.count)
        for update in updates {
            part.withUnsafeMutableBufferPointer { update.write(row: number, to: $0) }
            for column in row.indices { row[column] += part[column] }
        }
    }
}

/// Makes rows of one content, a few buffers of their length in hand, and measures what storing them loses.
private struct RowWriter {
    /// Nil where the rows are put together from several sources.
    private let source: WeightRows?
    private let reader: ContentReader
    private var formerReader: RowReader?
    private let multiplier: TensorContent.Multiplier?
    private let updates: [LowRankUpdate]
    /// What makes the row of the source's bytes.
    private let blockScaling: (scaling: BlockScaling, factor: Float)?
    private let description: TensorDescription
    private let columns: Int
    private let importance: TensorImportance?
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
        _ content: TensorContent, rows: Range<Int>, columns: Int,
        _ description: TensorDescription, _ importance: TensorImportance?, measuring: Bool
    ) throws(CheckpointError) {
        source = content.rows
        self.importance = importance
        self.description = description
        self.columns = columns
        multiplier = content.multiplier
        updates = content.updates
        blockScaling = content.blockScaling(as: description.type)
        isMeasured = measuring
        isKept = content.isKept(as: description.type)
        isExact =
            multiplier == nil && TensorContent(content.origin).isExact(as: description.type)
        reader = try ContentReader(
            content, rows: rows, columns: columns, name: description.name, times: nil, adding: [])
        if measuring, let former = content.former {
            formerReader = try RowReader(former, rows: rows, columns, name: description.name)
        }
        let zeros = [Float](repeating: 0, count: columns)
        row = zeros
        if isChanged { (part, update, former) = (zeros, zeros, zeros) }
        if measuring { stored = zeros }
    }

    /// Whether the row may be another than the model had, so that the change is measured.
    private var isChanged: Bool { !updates.isEmpty || formerReader != nil || multiplier != nil }

    mutating func write(
        row number: Int, to target: UnsafeMutableRawBufferPointer
    ) throws(QuantizationError) {
        if isKept, let source { return try source.copy(row: number, to: target) }
        try row.withUnsafeMutableBufferPointer { row throws(QuantizationError) in
            try reader.read(row: number, into: row)
        }
        if isChanged { try change(row: number) }
        // Quantised types refuse values that are not finite by themselves.
        let isFinite = !isMeasured || description.type.isQuantized || checkFinite(row: number)
        let overflows = try encode(row: number, to: target)
        guard isMeasured else {
            sums.overflowCount += overflows
            return
        }
        sums.elementCount += columns
        guard !isExact || isChanged || !isFinite else { return }
        try measure(row: number, target)
    }

    /// Stores the row, or the source's blocks with other scales.
    ///
    /// - Returns: how many values became infinite.
    private func encode(
        row number: Int, to target: UnsafeMutableRawBufferPointer
    ) throws(QuantizationError) -> Int {
        if let (scaling, factor) = blockScaling, let source {
            try source.copy(row: number, to: target)
            try scaling.multiply(target, by: factor)
            return 0
        }
        return try row.withUnsafeBufferPointer { row throws(QuantizationError) in
            guard let importance else {
                return try RowEncoder.encode(row, as: description.type, into: target)
            }
            return try importance.withColumns(ofRow: number) { columns throws(QuantizationError) in
                try RowEncoder.encode(
                    row, as: description.type, importance: columns, into: target)
            }
        }
    }

    /// Multiplies and adds the updates, or takes new values for an update of the former ones.
    private mutating func change(row number: Int) throws(QuantizationError) {
        if formerReader != nil {
            try former.withUnsafeMutableBufferPointer { former throws(QuantizationError) in
                try formerReader?.read(row: number, into: former)
            }
        } else {
            for column in 0..<columns { former[column] = row[column] }
        }
        if let multiplier { row.withUnsafeMutableBufferPointer { multiplier.apply(to: $0) } }
        let isOther = formerReader != nil || multiplier != nil
        for column in 0..<columns {
            update[column] = isOther ? row[column] - former[column] : 0
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
                guard let value = source?.double(row: number, column: column, columns: columns),
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
        guard let source, source.tensor?.type == .f64 else { return }
        for column in 0..<columns {
            guard let value = source.double(row: number, column: column, columns: columns)
            else { return }
            let sum = value * Double(source.change.factor) + Double(source.change.shift)
            let widened = Double(row[column])
            guard sum.isFinite, widened.isFinite, stored[column].isFinite else { continue }
            let (total, counted) = (Double(stored[column]) - sum, Double(stored[column]) - widened)
            sums.errorSquares += total * total - counted * counted
        }
    }
}
