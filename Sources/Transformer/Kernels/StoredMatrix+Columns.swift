import Formats

extension StoredMatrix {
    /// Limits of a chunk of rows that is widened at a time (4 MB), and of the part of it that one thread widens.
    private static var mostElementsPerChunk: Int { 1 << 20 }
    private static var elementsPerPart: Int { 16_384 }
    private static var mostColumnsPerTile: Int { 384 }

    /// output (tokens, columns) (+)= input (tokens, rows) · M
    func multiplyColumns(
        _ input: UnsafePointer<Float>, tokens: Int, into output: UnsafeMutablePointer<Float>,
        accumulating: Bool, _ crew: WorkCrew
    ) {
        if tokens <= Self.mostTokensByRow && !type.isQuantized {
            if !accumulating { output.update(repeating: 0, count: tokens * columns) }
            addScaledRows(to: output, by: input, tokens: tokens, crew)
        } else {
            multiplyColumnTiles(
                input, tokens: tokens, into: output, accumulating: accumulating, crew)
        }
    }

    /// output += Σ input · row over the rows, each widened once and added to every token: the matrix is read once, and
    /// nothing is copied for a matrix product that would not pay.
    private func addScaledRows(
        to output: UnsafeMutablePointer<Float>, by input: UnsafePointer<Float>, tokens: Int,
        _ crew: WorkCrew
    ) {
        addRowSums(to: [output], width: tokens * columns, rows: rows, crew: crew) {
            [input = Shared(input)] part, sums in
            guard let sum = sums[0] else { return }
            withRows { weights in
                ScratchPool.shared.withFloats(columns) { wide in
                    for row in part {
                        let values = floats(weights, row: row, orWidenedTo: wide)
                        for token in 0..<tokens {
                            addScaledForward(
                                sum + token * columns, input.pointer[token * rows + row], values,
                                count: columns)
                        }
                    }
                }
            }
        }
    }

    /// One row as f32: its bytes themselves where they are that already.
    private func floats(
        _ weights: Rows, row: Int, orWidenedTo scratch: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<Float> {
        if let values = floats(weights, from: row) { return values }
        widen(weights, from: row, count: 1, into: scratch)
        return UnsafePointer(scratch)
    }

    /// The matrix is widened in chunks of rows, each by the whole crew, which then multiplies tiles of its columns.
    private func multiplyColumnTiles(
        _ input: UnsafePointer<Float>, tokens: Int, into output: UnsafeMutablePointer<Float>,
        accumulating: Bool, _ crew: WorkCrew
    ) {
        withWideChunks(crew) { first, count, values in
            let columnsPerTile = evenTile(columns, atMost: Self.mostColumnsPerTile)
            crew.run((columns + columnsPerTile - 1) / columnsPerTile) {
                [input = Shared(input), output = Shared(output), values = Shared(values)] tile in
                let column = tile * columnsPerTile
                BLAS.addProduct(
                    .init(start: output + column, rowStride: columns),
                    .init(start: input + first, rowStride: rows),
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
        withRows { weights in
            if let values = floats(weights, from: 0) { return body(0, rows, values) }
            let rowsPerChunk = min(rows, max(1, Self.mostElementsPerChunk / columns))
            let rowsPerPart = max(1, Self.elementsPerPart / columns)
            ScratchPool.shared.withFloats(rowsPerChunk * columns) { values in
                for first in stride(from: 0, to: rows, by: rowsPerChunk) {
                    let count = min(rowsPerChunk, rows - first)
                    crew.run((count + rowsPerPart - 1) / rowsPerPart) {
                        [values = Shared(values)] part in
                        let start = part * rowsPerPart
                        widen(
                            weights, from: first + start, count: min(rowsPerPart, count - start),
                            into: values + start * columns)
                    }
                    body(first, count, values)
                }
            }
        }
    }
}
