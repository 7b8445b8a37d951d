import Formats
import Testing
import Transformer

/// Matrices whose values are those of the file times a number, in every way of multiplying them.
@Suite struct KernelScaledMatrixTests {
    private static let factor: Float = 0.3

    private func matrix(
        _ type: ElementType, rows: Int = 75, columns: Int = 192, isTransposed: Bool = false
    ) throws -> TestMatrix {
        try TestMatrix(
            type: type, rows: rows, columns: columns, isTransposed: isTransposed,
            factor: Self.factor)
    }

    @Test(arguments: [ElementType.nvfp4, .q8_0, .f16, .f32], [1, 4, 5, 40])
    func productsAreMultiplied(type: ElementType, tokens: Int) throws {
        let matrix = try matrix(type)
        let input = randomFloats(tokens * 192, seed: 4)
        let output = matrix.multiply(input, tokens: tokens, crew: WorkCrew(threads: 2))
        #expect(matrix.largestError(of: output, input, tokens: tokens) < 2e-6)
    }

    @Test(arguments: [ElementType.nvfp4, .q8_0, .f16, .f32], [1, 4, 5, 40])
    func gradientsAreMultiplied(type: ElementType, tokens: Int) throws {
        let matrix = try matrix(type)
        let change = randomFloats(tokens * 75, seed: 4)
        for start in [nil, randomFloats(tokens * 192, seed: 9)] {
            let found = matrix.multiplyBackward(
                change, tokens: tokens, start: start, crew: WorkCrew(threads: 2))
            #expect(
                matrix.largestBackwardError(of: found, change, tokens: tokens, start: start) < 2e-6)
        }
    }

    @Test(arguments: [ElementType.f16, .f32], [1, 4, 40])
    func transposesAreMultiplied(type: ElementType, tokens: Int) throws {
        let scaled = try matrix(type, isTransposed: true)
        let plain = try TestMatrix(type: type, rows: 75, columns: 192, isTransposed: true)
        let crew = WorkCrew(threads: 2)
        let input = randomFloats(tokens * 75, seed: 4)
        let products = [plain, scaled].map { $0.multiply(input, tokens: tokens, crew: crew) }
        #expect(relativeDifference(products[1], products[0].map { $0 * Self.factor }) < 2e-6)
        let change = randomFloats(tokens * 192, seed: 5)
        let gradients = [plain, scaled].map {
            $0.multiplyBackward(change, tokens: tokens, start: nil, crew: crew)
        }
        #expect(relativeDifference(gradients[1], gradients[0].map { $0 * Self.factor }) < 2e-6)
    }

    @Test(arguments: [ElementType.nvfp4, .f16, .f32])
    func rowsAreMultiplied(type: ElementType) throws {
        let matrix = try matrix(type)
        var row = [Float](repeating: 0, count: 192)
        matrix.matrix.widenRow(7, into: &row)
        #expect(row == Array(matrix.values[(7 * 192)..<(8 * 192)]))
        guard !type.isQuantized else { return }
        let transpose = try self.matrix(type, isTransposed: true)
        var column = [Float](repeating: 0, count: 75)
        transpose.matrix.widenRow(9, into: &column)
        #expect(column == (0..<75).map { transpose.values[$0 * 192 + 9] })
    }
}
