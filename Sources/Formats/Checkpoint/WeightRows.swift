/// The rows of a weight as f32, brought from the layout in which they lie into another one: that of an output's format,
/// or one that two checkpoints share. Nothing is held but what is being read.
package struct WeightRows: Sendable {
    /// Where the values come from.
    enum Origin: Sendable {
        case stored(StoredTensor)
        case packed(PackedTensor)
        /// In C order.
        case values([Float])
        case computed(ComputedRows)
        /// Zeros: a bias that is not there.
        case zeros
    }

    let origin: Origin
    /// What brings the origin into the other layout. A transpose has no order of rows.
    package let change: StorageForm
    /// The shape in the other layout.
    package let shape: [Int]

    /// A tensor of a file.
    init(_ tensor: StoredTensor, _ change: StorageForm) {
        origin = .stored(tensor)
        self.change = change
        shape = change.shape(of: tensor.shape)
    }

    /// A weight of a checkpoint.
    init(_ weight: WeightTensor, _ change: StorageForm) {
        origin =
            switch weight.storage {
            case .plain(let tensor): .stored(tensor)
            case .packed(let tensor): .packed(tensor)
            }
        self.change = change
        shape = change.shape(of: weight.shape)
    }

    /// Values, or zeros where there are none.
    ///
    /// - Parameter shape: that of the result
    init(_ values: [Float]?, _ change: StorageForm = .canonical, shape: [Int]) {
        origin = values.map { .values($0) } ?? .zeros
        self.change = change
        self.shape = shape
    }

    /// Rows that are made when they are read.
    ///
    /// - Parameter shape: that of the result
    init(_ rows: ComputedRows, _ change: StorageForm, shape: [Int]) {
        origin = .computed(rows)
        self.change = change
        self.shape = shape
    }

    /// The weight of a checkpoint that the rows are; nil for values that are in none.
    package var weight: WeightTensor? {
        switch origin {
        case .stored(let tensor): WeightTensor(tensor)
        case .packed(let tensor): WeightTensor(.packed(tensor))
        case .values, .computed, .zeros: nil
        }
    }

    /// The tensor in its file; nil for values that are in none, or that several make.
    package var tensor: StoredTensor? {
        if case .stored(let tensor) = origin { tensor } else { nil }
    }

    /// The type whose blocks the source's bytes are, or its codes and scales without being encoded; nil where there are
    /// none.
    var blockType: ElementType? {
        if case .packed(let packed) = origin { packed.blockType } else { tensor?.type }
    }

    // MARK: - Layout

    /// Whether rows are only read whole, because they lie elsewhere in the file or are put together.
    var needsWholeRows: Bool { isReordered || change.isTransposed || isPacked }

    /// Whether elements have another order in their row in the file.
    var hasReorderedColumns: Bool { change.columns != .same }

    private var isPacked: Bool { if case .packed = origin { true } else { false } }

    /// Whether the rows have another order in the file.
    var isReordered: Bool { change.rows != .same || hasReorderedColumns }

    /// Whether the values are the file's own and in its order.
    var isPlain: Bool { !needsWholeRows && change.keepsValues && tensor != nil }

    /// Whether the type of the elements can be widened.
    var isReadable: Bool { tensor.map { Dequantizer.isSupported($0.type) } ?? true }

    /// Where in the file's own shape an element lies.
    ///
    /// - Parameter columns: the length of the rows that were read.
    func place(of element: Int, columns: Int) -> [Int] {
        guard columns > 0 else { return [] }
        let (row, column) = element.quotientAndRemainder(dividingBy: columns)
        let source = change.rows.source(of: row)
        guard shape.count > 1 else { return [columns == 1 ? source : column] }
        return change.isTransposed
            ? [column, source] : [source, change.columns.source(of: column)]
    }

    /// The file's bytes of some elements, where they are the values in their order.
    func storedBytes(_ elements: Range<Int>) -> MappedBytes? {
        guard isPlain, let tensor, let start = tensor.type.byteCount(elements: elements.lowerBound),
            let end = tensor.type.byteCount(elements: elements.upperBound)
        else { return nil }
        return tensor.bytes.slice(start..<end)
    }

    /// The file's bytes of a row; nil where they lie in strides.
    func storedBytes(ofRow row: Int, columns: Int) -> MappedBytes? {
        guard !change.isTransposed, !hasReorderedColumns, let tensor,
            let size = tensor.type.byteCount(elements: columns)
        else { return nil }
        let source = change.rows.source(of: row)
        return tensor.bytes.slice((source * size)..<((source + 1) * size))
    }

    /// Gives the file's pages of some rows back to the system.
    func releasePages(rows: Range<Int>, columns: Int) {
        if case .packed(let packed) = origin { return packed.releasePages() }
        guard let tensor else { return }
        // The rows of a transpose are all over the source.
        if change.isTransposed { return tensor.releasePages() }
        guard let bytes = tensor.type.byteCount(elements: columns),
            let range = tensor.bytes.slice(
                (rows.lowerBound * bytes)..<(rows.upperBound * bytes))?.range
        else { return }
        tensor.bytes.file.release(range)
    }

    /// Whether rows are made when they are read, so that several at a time cost less.
    fileprivate var isMade: Bool {
        switch origin {
        case .computed, .packed: true
        case .stored, .values, .zeros: false
        }
    }

    // MARK: - Reading

    /// Reads values in their order.
    ///
    /// - Parameters:
    ///   - elements: whole blocks of the type; whole rows where `needsWholeRows`
    ///   - columns: the length of a row
    ///   - values: as many as there are elements
    /// - Throws: `CheckpointError.cannotEncode` where the type cannot be widened.
    func read(
        _ elements: Range<Int>, columns: Int, into values: UnsafeMutableBufferPointer<Float>
    ) throws(CheckpointError) {
        guard columns > 0, !elements.isEmpty else { return }
        let rows = (elements.lowerBound / columns)..<(elements.upperBound / columns)
        let name = tensor?.name ?? ""
        let reader = try needsWholeRows ? RowReader(self, rows: rows, columns, name: name) : nil
        var row = elements.lowerBound / columns
        do throws(QuantizationError) {
            guard var reader else {
                try readOrigin(elements.lowerBound, into: values)
                return change.apply(to: values)
            }
            for number in rows {
                row = number
                let start = (number - rows.lowerBound) * columns
                try reader.read(
                    row: number,
                    into: UnsafeMutableBufferPointer(
                        rebasing: values[start..<(start + columns)]))
            }
        } catch {
            throw .cannotEncode(tensor: name, row: row, problem: error)
        }
    }

    /// Reads elements of the origin, as many as there is room for, from one on that begins a block.
    fileprivate func readOrigin(
        _ first: Int, into values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        switch origin {
        case .zeros: values.update(repeating: 0)
        case .values(let source):
            for index in values.indices { values[index] = source[first + index] }
        case .computed(let rows): try rows.read(first, into: values)
        case .stored(let tensor): try tensor.widen(first..<(first + values.count), into: values)
        case .packed(let tensor): tensor.widen(from: first, into: values)
        }
    }
}

/// Reads single rows of a range, which of a transpose are brought together once. Those that are made are asked for a few
/// at a time.
struct RowReader {
    private let source: WeightRows
    private let range: Range<Int>
    private let columns: Int
    /// The rows of the range, (rows, columns), where the source is the transpose; else empty.
    private let tile: [Float]
    /// The rows that were made last.
    private var made: (rows: Range<Int>, values: [Float]) = (0..<0, [])
    /// A row as the file has it, where its elements have another order.
    private var inFileOrder: [Float] = []

    /// The most values that are asked for at a time, unless a row has more.
    private static let mostMade = 1 << 16

    /// - Parameters:
    ///   - rows: those that will be read
    ///   - columns: their length
    ///   - name: the tensor's, for errors
    /// - Throws: `CheckpointError.cannotEncode` where the type cannot be widened.
    init(
        _ source: WeightRows, rows: Range<Int>, _ columns: Int, name: String
    ) throws(CheckpointError) {
        self.source = source
        self.columns = columns
        range = rows
        tile =
            try source.change.isTransposed
            ? Self.tile(of: source, rows: rows, columns, name: name) : []
    }

    /// Reads a row of the range into a buffer of its length.
    ///
    /// - Throws: `QuantizationError` where the type cannot be widened.
    mutating func read(
        row number: Int, into row: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        if source.change.isTransposed {
            let first = (number - range.lowerBound) * columns
            for column in 0..<columns { row[column] = tile[first + column] }
        } else if source.isMade, !source.isReordered {
            if !made.rows.contains(number) { try make(from: number) }
            let first = (number - made.rows.lowerBound) * columns
            for column in 0..<columns { row[column] = made.values[first + column] }
        } else {
            try source.readOrigin(source.change.rows.source(of: number) * columns, into: row)
        }
        if source.hasReorderedColumns {
            source.change.columns.reorder(row, from: &inFileOrder)
        }
        source.change.apply(to: row)
    }

    private mutating func make(from number: Int) throws(QuantizationError) {
        let count = max(1, min(range.upperBound - number, Self.mostMade / max(columns, 1)))
        let first = number * columns
        let values = try [Float](filling: count * columns) { target throws(QuantizationError) in
            try source.readOrigin(first, into: target)
        }
        made = (number..<(number + count), values)
    }

    /// The rows of the transpose: of each row of the origin the elements that belong to them.
    private static func tile(
        of source: WeightRows, rows: Range<Int>, _ columns: Int, name: String
    ) throws(CheckpointError) -> [Float] {
        let (width, block) =
            switch source.origin {
            case .stored(let tensor): (tensor.description.columns, tensor.type.elementsPerBlock)
            case .packed(let tensor): (tensor.columns, 1)
            case .values(let values): (values.count / max(columns, 1), 1)
            case .computed(let rows): (rows.columns, 1)
            case .zeros: (0, 1)
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
                        try source.readOrigin((start + step) * width + first, into: buffer)
                    }
                } catch {
                    throw .cannotEncode(tensor: name, row: start + step, problem: error)
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
}
