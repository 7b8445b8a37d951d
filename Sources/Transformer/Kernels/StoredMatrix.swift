import Formats

/// A matrix as it lies in a file or in memory: `rows` rows of `columns` encoded elements.
///
/// The bytes stay where they are and are widened while they are used: never a whole f32 copy. All products have the
/// same bits for every crew.
struct StoredMatrix: Sendable {
    let rows: Int
    let columns: Int
    let type: ElementType
    private let storage: Storage
    let kernels: RowKernels
    let bytesPerRow: Int
    /// What all values are multiplied by.
    private let factor: Float

    private enum Storage: Sendable {
        case mapped(MappedBytes)
        case buffer(FloatBuffer)
        case packed(PackedTensor)
    }

    /// Where rows are while they are used.
    enum Rows: Sendable {
        case encoded(Shared<UnsafeRawPointer>)
        case packed(PackedTensor)
    }

    /// Up to this many tokens are multiplied with the encoded rows; more are worth widening the rows for.
    static let mostTokensByRow = 4
    /// Elements of a chunk of rows that is multiplied as it is: some microseconds of work.
    private static let elementsPerChunk = 16_384
    /// Limits of a tile of rows that is widened at a time: a megabyte, so that it stays in cache.
    private static let mostElementsPerTile = 262_144
    private static let mostRowsPerTile = 192
    private static let mostPlainRowsPerTile = 384

    /// - Throws: `WeightMatrixError` as `WeightMatrix.init` does.
    init(tensor: StoredTensor, factor: Float) throws(WeightMatrixError) {
        guard let kernels = RowKernels(tensor.type) else {
            throw .unsupportedType(tensor: tensor.name, type: tensor.type)
        }
        let limit = 1...Int(Int32.max)
        guard tensor.shape.count == 2, tensor.shape.allSatisfy(limit.contains) else {
            throw .wrongShape(tensor: tensor.name, shape: tensor.shape)
        }
        guard let bytesPerRow = tensor.type.byteCount(elements: tensor.shape[1]),
            tensor.description.byteCount == tensor.bytes.count
        else {
            throw .sizeMismatch(
                tensor: tensor.name, expected: tensor.description.byteCount,
                bytes: tensor.bytes.count)
        }
        rows = tensor.shape[0]
        columns = tensor.shape[1]
        type = tensor.type
        storage = .mapped(tensor.bytes)
        self.kernels = kernels
        self.bytesPerRow = bytesPerRow
        self.factor = factor
    }

    /// - Throws: `WeightMatrixError.wrongShape`.
    init(packed: PackedTensor, factor: Float) throws(WeightMatrixError) {
        let limit = 1...Int(Int32.max)
        guard packed.shape.count == 2, packed.shape.allSatisfy(limit.contains) else {
            throw .wrongShape(tensor: packed.name, shape: packed.shape)
        }
        rows = packed.shape[0]
        columns = packed.shape[1]
        type = .f32
        storage = .packed(packed)
        kernels = .f32
        bytesPerRow = columns * MemoryLayout<Float>.stride
        self.factor = factor
    }

    init(rows: Int, columns: Int, buffer: FloatBuffer) {
        precondition(rows > 0 && columns > 0 && buffer.count == rows * columns)
        self.rows = rows
        self.columns = columns
        type = .f32
        storage = .buffer(buffer)
        kernels = .f32
        bytesPerRow = columns * MemoryLayout<Float>.stride
        factor = 1
    }

    /// output (tokens, rows) (+)= input (tokens, columns) · Mᵀ
    func multiplyRows(
        _ input: UnsafePointer<Float>, tokens: Int, into output: UnsafeMutablePointer<Float>,
        accumulating: Bool, _ crew: WorkCrew
    ) {
        withRows { weights in
            if case .encoded(let weights) = weights, tokens <= Self.mostTokensByRow && !accumulating
            {
                multiplyEncoded(weights.pointer, input, tokens, output, crew)
            } else {
                multiplyTiles(weights, input, tokens, output, accumulating, crew)
            }
        }
    }

    func widenRow(_ row: Int, into output: UnsafeMutablePointer<Float>) {
        withRows { widen($0, from: row, count: 1, into: output) }
    }

    /// - Precondition: elements are no blocks.
    func widenColumn(_ column: Int, into output: UnsafeMutablePointer<Float>) {
        let offset = column * type.bitsPerBlock / 8
        withRows { weights in
            switch weights {
            case .encoded(let weights):
                for row in 0..<rows {
                    kernels.widen(weights + (row * bytesPerRow + offset), 1, output + row)
                }
                scale(output, rows)
            case .packed:
                ScratchPool.shared.withFloats(columns) { values in
                    for row in 0..<rows {
                        widen(weights, from: row, count: 1, into: values)
                        output[row] = values[column]
                    }
                }
            }
        }
    }

    /// Multiplies what the stored values gave.
    private func scale(_ values: UnsafeMutablePointer<Float>, _ count: Int) {
        guard factor != 1 else { return }
        for index in 0..<count { values[index] *= factor }
    }

    func withRows(_ body: (Rows) -> Void) {
        switch storage {
        case .mapped(let bytes):
            bytes.withUnsafeBytes { bytes in
                if let start = bytes.baseAddress { body(.encoded(Shared(start))) }
            }
        case .buffer(let buffer): body(.encoded(Shared(UnsafeRawPointer(buffer.floats))))
        case .packed(let packed): body(.packed(packed))
        }
    }

    /// Widens rows, one after the other.
    func widen(
        _ weights: Rows, from first: Int, count: Int, into values: UnsafeMutablePointer<Float>
    ) {
        switch weights {
        case .encoded(let weights):
            kernels.widen(weights + first * bytesPerRow, count * columns, values)
        case .packed(let packed): packed.widen(rows: first..<(first + count), into: values)
        }
        scale(values, count * columns)
    }

    /// Dot products of the encoded rows with each token, in chunks of rows.
    private func multiplyEncoded(
        _ weights: UnsafeRawPointer, _ input: UnsafePointer<Float>, _ tokens: Int,
        _ output: UnsafeMutablePointer<Float>, _ crew: WorkCrew
    ) {
        let groups = kernels.summedGroup.map { columns / $0 } ?? 0
        ScratchPool.shared.withFloats(tokens * groups) { sums in
            if let group = kernels.summedGroup {
                sumGroups(of: group, input, tokens * groups, into: sums)
            }
            let rowsPerChunk = max(1, Self.elementsPerChunk / columns)
            crew.run((rows + rowsPerChunk - 1) / rowsPerChunk) {
                [
                    weights = Shared(weights), input = Shared(input), sums = Shared(sums),
                    output = Shared(output)
                ] chunk in
                let first = chunk * rowsPerChunk
                let count = min(rowsPerChunk, rows - first)
                for token in 0..<tokens {
                    let products = output + token * rows + first
                    kernels.multiply(
                        RowProduct(
                            weights: weights + first * bytesPerRow, rows: count,
                            columns: columns, bytesPerRow: bytesPerRow,
                            input: input + token * columns,
                            groupSums: sums + token * groups, output: products))
                    scale(products, count)
                }
            }
        }
    }

    /// Tiles of rows, widened and given to sgemm, which writes its columns of the output in place.
    private func multiplyTiles(
        _ weights: Rows, _ input: UnsafePointer<Float>, _ tokens: Int,
        _ output: UnsafeMutablePointer<Float>, _ accumulating: Bool, _ crew: WorkCrew
    ) {
        // Rows that are f32 already are used where they lie: larger tiles read the input less often.
        let limit =
            type == .f32
            ? Self.mostPlainRowsPerTile
            : max(1, min(Self.mostRowsPerTile, Self.mostElementsPerTile / columns))
        let rowsPerTile = evenTile(rows, atMost: limit)
        crew.run((rows + rowsPerTile - 1) / rowsPerTile) {
            [input = Shared(input), output = Shared(output)] tile in
            let first = tile * rowsPerTile
            let count = min(rowsPerTile, rows - first)
            withFloats(weights, from: first, rows: count) { values in
                BLAS.multiplyTransposed(
                    .init(start: output + first, rowStride: rows),
                    .init(start: input.pointer, rowStride: columns),
                    .init(start: values, rowStride: columns), m: tokens, n: count, k: columns,
                    accumulating: accumulating)
            }
        }
    }

    /// Rows as f32: the bytes themselves where they are that already.
    func withFloats(
        _ weights: Rows, from first: Int, rows count: Int,
        _ body: (UnsafePointer<Float>) -> Void
    ) {
        if let values = floats(weights, from: first) { return body(values) }
        ScratchPool.shared.withFloats(count * columns) { values in
            widen(weights, from: first, count: count, into: values)
            body(UnsafePointer(values))
        }
    }

    /// The elements from a row on themselves, where they are f32 and aligned.
    func floats(_ rows: Rows, from first: Int) -> UnsafePointer<Float>? {
        guard type == .f32, factor == 1, case .encoded(let start) = rows else { return nil }
        let weights = start + first * bytesPerRow
        guard Int(bitPattern: weights) % MemoryLayout<Float>.alignment == 0 else {
            return nil
        }
        return weights.assumingMemoryBound(to: Float.self)
    }
}

/// The size of a tile that cuts a length into an even number of tiles of about the same size, so that two threads
/// finish together.
func evenTile(_ length: Int, atMost limit: Int) -> Int {
    let pairs = (length + 2 * limit - 1) / (2 * limit)
    return (length + 2 * pairs - 1) / (2 * pairs)
}

/// Sums of `count` neighbouring groups of 16 or 32 inputs.
private func sumGroups(
    of size: Int, _ input: UnsafePointer<Float>, _ count: Int,
    into sums: UnsafeMutablePointer<Float>
) {
    for group in 0..<count {
        var total = SIMD8<Float>.zero
        for part in stride(from: 0, to: size, by: 8) {
            total += UnsafeRawPointer(input + group * size + part).loadUnaligned(
                as: SIMD8<Float>.self)
        }
        sums[group] = total.sum()
    }
}
