/// Inputs that are rotated block by block: each row's pieces become R · piece.
struct BlockRotation: RowChange {
    let size: Int
    /// One matrix (size, size) after the other; a single one is that of all blocks.
    private let matrices: [Float]

    init(_ blocks: [SquareMatrix]) {
        size = blocks.first?.size ?? 1
        matrices = blocks.flatMap(\.values).map(Float.init)
    }

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        var piece = [Float](repeating: 0, count: size)
        for start in stride(from: 0, to: values.count, by: size) {
            let matrix = matrices.count > size * size ? start * size : 0
            for index in 0..<size { piece[index] = values[start + index] }
            for index in 0..<size {
                var sum: Float = 0
                for step in 0..<size { sum += matrices[matrix + index * size + step] * piece[step] }
                values[start + index] = sum
            }
        }
    }
}
