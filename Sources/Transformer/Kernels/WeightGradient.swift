package import Formats

/// The gradient of a weight matrix from that of its product: gradient += outputGradientᵀ · input.
///
/// The same bits for every crew: rows are taken in tiles of fixed height.
/// - Parameters:
///   - gradient: (rows, columns), added to
///   - outputGradient: (tokens, rows)
///   - input: (tokens, columns), as the forward read it
///   - rows: how many outputs the matrix has
///   - columns: how many inputs it has
///   - tokens: how many input rows there are
///   - crew: the threads that share the work
package func weightGradientBackward(
    _ gradient: UnsafeMutablePointer<Float>, outputGradient: UnsafePointer<Float>,
    input: UnsafePointer<Float>, rows: Int, columns: Int, tokens: Int, crew: WorkCrew
) {
    precondition(rows > 0 && columns > 0 && tokens >= 0)
    let rowsPerTile = evenTile(rows, atMost: 288)
    crew.run((rows + rowsPerTile - 1) / rowsPerTile) {
        [
            gradient = Shared(gradient), outputGradient = Shared(outputGradient),
            input = Shared(input)
        ] tile in
        let first = tile * rowsPerTile
        BLAS.addTransposedProduct(
            .init(start: gradient + first * columns, rowStride: columns),
            .init(start: outputGradient + first, rowStride: rows),
            .init(start: input.pointer, rowStride: columns), m: min(rowsPerTile, rows - first),
            n: columns,
            k: tokens)
    }
}

/// The gradient of a bias: gradient += the column sums of outputGradient, each in the order of the tokens.
///
/// - Parameters:
///   - gradient: (rows), added to
///   - outputGradient: (tokens, rows)
///   - rows: how many outputs the layer has
///   - tokens: how many there are
///   - crew: the threads that share the work
package func biasGradientBackward(
    _ gradient: UnsafeMutablePointer<Float>, outputGradient: UnsafePointer<Float>, rows: Int,
    tokens: Int, crew: WorkCrew
) {
    let rowsPerPart = 128
    crew.run((rows + rowsPerPart - 1) / rowsPerPart) {
        [gradient = Shared(gradient), outputGradient = Shared(outputGradient)] part in
        let (gradient, outputGradient) = (gradient.pointer, outputGradient.pointer)
        let (first, end) = (part * rowsPerPart, min(rows, (part + 1) * rowsPerPart))
        let whole = first + wholeEights(end - first)
        for row in stride(from: first, to: whole, by: 8) {
            var sum = SIMD8<Float>.zero
            for token in 0..<tokens { sum += outputGradient.load8(token * rows + row) }
            gradient.store8(gradient.load8(row) + sum, row)
        }
        for row in whole..<end {
            var sum: Float = 0
            for token in 0..<tokens { sum += outputGradient[token * rows + row] }
            gradient[row] += sum
        }
    }
}
