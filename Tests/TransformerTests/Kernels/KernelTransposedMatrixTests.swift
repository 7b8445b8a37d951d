import Formats
import Testing
import Transformer

/// Matrices that are stored as (inputs, outputs), against those that hold the same values the usual way.
@Suite struct KernelTransposedMatrixTests {
    static let types: [ElementType] = [.f32, .f16, .bf16, .f64]
    static let shapes = [(1, 1), (7, 9), (8, 31), (33, 8), (129, 127), (700, 65), (9, 1_023)]

    @Test(arguments: types) func productsAgreeWithTheNaiveTwin(type: ElementType) throws {
        for (rows, columns) in Self.shapes {
            let pair = try Pair(type: type, rows: rows, columns: columns)
            #expect(pair.transposed.rows == rows && pair.transposed.columns == columns)
            for tokens in [1, 2, 4, 5, 17] {
                let input = randomFloats(tokens * columns, seed: 1)
                let change = randomFloats(tokens * rows, seed: 2)
                let start = randomFloats(tokens * columns, seed: 3)
                let found = pair.products(pair.transposed, input, change, start, tokens, threads: 1)
                let exact = pair.naiveProducts(input, change, start, tokens)
                #expect(
                    relativeDifference(found.output, exact.output) < 4e-6,
                    "\(rows) x \(columns), \(tokens) tokens")
                #expect(relativeDifference(found.overwritten, exact.overwritten) < 4e-6)
                #expect(relativeDifference(found.added, exact.added) < 4e-6)
            }
        }
    }

    @Test(arguments: types) func bitsAreEqualForEveryCrew(type: ElementType) throws {
        let pair = try Pair(type: type, rows: 1_331, columns: 900)
        for tokens in [1, 4, 33] {
            let input = randomFloats(tokens * 900, seed: 1)
            let change = randomFloats(tokens * 1_331, seed: 2)
            let start = randomFloats(tokens * 900, seed: 3)
            let found = [1, 2, 3].map {
                pair.products(pair.transposed, input, change, start, tokens, threads: $0).bits
            }
            #expect(found[0] == found[1] && found[0] == found[2])
        }
    }

    @Test(arguments: types) func rowsAreWidenedExactly(type: ElementType) throws {
        for (rows, columns) in Self.shapes {
            let pair = try Pair(type: type, rows: rows, columns: columns)
            #expect(pair.transposed.widened(crew: WorkCrew(threads: 2)).values == pair.values)
            var row = [Float](repeating: .nan, count: columns)
            pair.transposed.widenRow(rows - 1, into: &row)
            #expect(row == Array(pair.values[(rows - 1) * columns..<rows * columns]))
        }
    }

    @Test(arguments: KernelWeightMatrixTests.supported.filter(\.isQuantized))
    func blocksAreRefused(type: ElementType) throws {
        let bytes = TestMatrix.randomElements(2 * 256, type: type, seed: 1)
        let tensor = StoredTensor(
            description: TensorDescription(name: "w", type: type, shape: [2, 256]),
            bytes: try TestMatrix.mapped(bytes))
        #expect(throws: WeightMatrixError.transposedBlocks(tensor: "w", type: type)) {
            _ = try WeightMatrix(tensor: tensor, isTransposed: true)
        }
        #expect(try WeightMatrix(tensor: tensor).rows == 2)
    }
}

/// The same random values, stored transposed, and known.
private struct Pair {
    let rows: Int
    let columns: Int
    let transposed: WeightMatrix
    /// (rows, columns)
    let values: [Float]

    struct Products {
        var output: [Float]
        var overwritten: [Float]
        var added: [Float]
        var bits: [UInt32] { (output + overwritten + added).map(\.bitPattern) }
    }

    init(type: ElementType, rows: Int, columns: Int) throws {
        let stored = try TestMatrix(type: type, rows: columns, columns: rows, isTransposed: true)
        self.rows = rows
        self.columns = columns
        transposed = stored.matrix
        values = (0..<rows * columns).map {
            stored.values[$0 % columns * rows + $0 / columns]
        }
    }

    func products(
        _ matrix: WeightMatrix, _ input: [Float], _ change: [Float], _ start: [Float],
        _ tokens: Int, threads: Int
    ) -> Products {
        let crew = WorkCrew(threads: threads)
        var found = Products(
            output: [Float](repeating: .nan, count: tokens * rows),
            overwritten: [Float](repeating: .nan, count: tokens * columns), added: start)
        matrix.multiply(input, tokens: tokens, into: &found.output, crew: crew)
        matrix.multiplyBackward(
            &found.overwritten, outputGradient: change, tokens: tokens, accumulating: false,
            crew: crew)
        matrix.multiplyBackward(
            &found.added, outputGradient: change, tokens: tokens, accumulating: true, crew: crew)
        return found
    }

    func naiveProducts(
        _ input: [Float], _ change: [Float], _ start: [Float], _ tokens: Int
    ) -> (output: [Double], overwritten: [Double], added: [Double]) {
        var output = [Double](repeating: 0, count: tokens * rows)
        var gradient = [Double](repeating: 0, count: tokens * columns)
        for token in 0..<tokens {
            for row in 0..<rows {
                for column in 0..<columns {
                    let weight = Double(values[row * columns + column])
                    output[token * rows + row] += weight * Double(input[token * columns + column])
                    gradient[token * columns + column] +=
                        weight * Double(change[token * rows + row])
                }
            }
        }
        return (output, gradient, zip(gradient, start).map { $0 + Double($1) })
    }
}
