public import Formats

extension WeightMatrix {
    /// Limits of a chunk of rows that is widened at a time (4 MB), and of the part of it that one thread widens.
    private static var mostElementsPerChunk: Int { 1 << 20 }
    private static var elementsPerPart: Int { 16_384 }
    private static var mostColumnsPerTile: Int { 384 }

    /// The gradient of a product's input from that of its output: inputGradient (+)= outputGradient · W, in f32; the
    /// same bits for every crew.
    ///
    /// The matrix is widened in chunks of rows, each by the whole crew, which then multiplies tiles of its columns.
    /// - Parameters:
    ///   - inputGradient: (tokens, columns)
    ///   - outputGradient: (tokens, rows)
    ///   - tokens: how many rows both have
    ///   - accumulating: whether the gradient is added or overwritten
    ///   - crew: the threads that share the work
    public func multiplyBackward(
        _ inputGradient: UnsafeMutablePointer<Float>, outputGradient: UnsafePointer<Float>,
        tokens: Int, accumulating: Bool, crew: WorkCrew
    ) {
        withWideChunks(crew) { first, count, values in
            let columnsPerTile = evenTile(columns, atMost: Self.mostColumnsPerTile)
            crew.run((columns + columnsPerTile - 1) / columnsPerTile) { tile in
                let column = tile * columnsPerTile
                BLAS.addProduct(
                    .init(start: inputGradient + column, rowStride: columns),
                    .init(start: outputGradient + first, rowStride: rows),
                    .init(start: values + column, rowStride: columns), m: tokens,
                    n: min(columnsPerTile, columns - column), k: count,
                    accumulating: accumulating || first > 0)
            }
        }
    }

    /// Calls the body with chunks of rows in order, as f32: their first row, how many they are, and their values.
    private func withWideChunks(
        _ crew: WorkCrew, _ body: (Int, Int, UnsafePointer<Float>) -> Void
    ) {
        withBytes { weights in
            if let values = floats(at: weights) { return body(0, rows, values) }
            let rowsPerChunk = min(rows, max(1, Self.mostElementsPerChunk / columns))
            let rowsPerPart = max(1, Self.elementsPerPart / columns)
            ScratchPool.shared.withFloats(rowsPerChunk * columns) { values in
                for first in stride(from: 0, to: rows, by: rowsPerChunk) {
                    let count = min(rowsPerChunk, rows - first)
                    crew.run((count + rowsPerPart - 1) / rowsPerPart) { part in
                        let start = part * rowsPerPart
                        kernels.widen(
                            weights + (first + start) * bytesPerRow,
                            min(rowsPerPart, count - start) * columns, values + start * columns)
                    }
                    body(first, count, values)
                }
            }
        }
    }
}
