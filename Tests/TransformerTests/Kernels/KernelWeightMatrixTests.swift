import Formats
import Foundation
import Testing
import Transformer

@Suite struct KernelWeightMatrixTests {
    static let supported = ElementType.allCases.filter(Dequantizer.isSupported)
    static let awkward = [1, 2, 3, 5, 7, 15, 17, 31, 33, 63, 127, 129, 1023]

    /// Both ways of multiplying, for every type, against sums in Double over the widened elements. The bound: f32
    /// sums of some hundred products, relative to the sum of their magnitudes.
    @Test(arguments: supported) func multipliesLikeTheNaiveTwin(type: ElementType) throws {
        let width = type.elementsPerBlock
        let columns = type.isQuantized ? [width, 2 * width, 3 * width] : Self.awkward
        for (index, columns) in columns.enumerated() {
            let rows = Self.awkward[index % Self.awkward.count] * 3
            let matrix = try TestMatrix(type: type, rows: rows, columns: columns)
            for tokens in [1, 3, 4, 5, 17] {
                let input = randomFloats(tokens * columns, seed: UInt64(tokens))
                let output = matrix.multiply(input, tokens: tokens, crew: WorkCrew(threads: 1))
                let error = matrix.largestError(of: output, input, tokens: tokens)
                #expect(error < 2e-6, "\(rows) x \(columns), \(tokens) tokens")
            }
        }
    }

    @Test(arguments: supported) func bitsAreEqualForEveryCrew(type: ElementType) throws {
        let matrix = try TestMatrix(type: type, rows: 331, columns: 512)
        for tokens in [1, 2, 6, 70] {
            let input = randomFloats(tokens * 512, seed: 7)
            let outputs = [1, 2, 3].map {
                matrix.multiply(input, tokens: tokens, crew: WorkCrew(threads: $0)).map(
                    \.bitPattern)
            }
            #expect(outputs[0] == outputs[1] && outputs[0] == outputs[2])
        }
    }

    @Test(arguments: supported) func widensRows(type: ElementType) throws {
        let matrix = try TestMatrix(type: type, rows: 5, columns: 256)
        for row in 0..<5 {
            var output = [Float](repeating: 0, count: 256)
            matrix.matrix.widenRow(row, into: &output)
            #expect(output == Array(matrix.values[row * 256..<(row + 1) * 256]))
        }
    }

    @Test func matricesInMemoryMultiply() {
        let matrix = WeightMatrix(rows: 2, columns: 3, buffer: FloatBuffer([1, 2, 3, 4, 5, 6]))
        let crew = WorkCrew(threads: 1)
        for tokens in [1, 8] {
            let input = (0..<tokens).flatMap { token -> [Float] in [Float(token), 1, 0] }
            let expected = (0..<tokens).flatMap { token -> [Float] in
                [Float(token) + 2, 4 * Float(token) + 5]
            }
            var output = [Float](repeating: .nan, count: tokens * 2)
            matrix.multiply(input, tokens: tokens, into: &output, crew: crew)
            #expect(output == expected)
        }
    }

    @Test func thousandsOfTokensMultiply() throws {
        let matrix = try TestMatrix(type: .q8_0, rows: 40, columns: 2_400)
        let input = randomFloats(2_400 * 3, seed: 1)
        let many = [[Float]](repeating: input, count: 1_000).flatMap { $0 }
        let output = matrix.multiply(many, tokens: 3_000, crew: WorkCrew(threads: 2))
        // A token's last bits depend on its place: some kernels add a tile's terms in another order than a rest's.
        for first in [0, 1_500, 2_997] {
            let rows = Array(output[(first * 40)..<((first + 3) * 40)])
            #expect(matrix.largestError(of: rows, input, tokens: 3) < 2e-6)
        }
    }

    /// What a resumed run relies on: its numbers lie elsewhere in memory than those of the run it goes on with.
    @Test func theSameProductHasTheSameBitsWhereverItLies() throws {
        for (rows, columns, tokens) in [(40, 2_400, 9), (331, 512, 70), (7, 48, 25)] {
            let matrix = try TestMatrix(type: .bf16, rows: rows, columns: columns)
            let input = randomFloats(tokens * columns, seed: 5)
            var products: Set<[UInt32]> = []
            for offset in [0, 1, 3, 8] {
                let (source, target) = (
                    FloatBuffer([Float](repeating: 0, count: offset) + input),
                    FloatBuffer(count: tokens * rows + offset)
                )
                matrix.matrix.multiply(
                    source.floats + offset, tokens: tokens, into: target.floats + offset,
                    crew: WorkCrew(threads: 2))
                products.insert(target.values[offset...].map(\.bitPattern))
            }
            #expect(products.count == 1, "\(rows) x \(columns), \(tokens) tokens")
        }
    }

    @Test func theLibrarysKernelsMultiplyRightly() {
        #expect(BLASLibrary.multipliesRightly(), "\(BLASLibrary.kernel)")
    }

    @Test func refusesWhatIsNoMatrixOfASupportedType() throws {
        func error(_ type: ElementType, _ shape: [Int], bytes: Int) throws -> WeightMatrixError? {
            let description = TensorDescription(name: "w", type: type, shape: shape)
            let bytes = try TestMatrix.mapped([UInt8](repeating: 0, count: bytes))
            do throws(WeightMatrixError) {
                _ = try WeightMatrix(
                    tensor: StoredTensor(description: description, bytes: bytes))
                return nil
            } catch { return error }
        }
        #expect(try error(.f32, [2, 3], bytes: 24) == nil)
        #expect(
            try error(.f4, [1, 32], bytes: 16) == .unsupportedType(tensor: "w", type: .f4))
        for shape in [[], [6], [1, 2, 3], [0, 3], [2, -3], [1 << 31, 1]] {
            #expect(try error(.f32, shape, bytes: 24) == .wrongShape(tensor: "w", shape: shape))
        }
        #expect(
            try error(.f32, [2, 3], bytes: 23)
                == .sizeMismatch(tensor: "w", expected: 24, bytes: 23))
        #expect(
            try error(.q8_0, [2, 48], bytes: 102)
                == .sizeMismatch(tensor: "w", expected: nil, bytes: 102))
        let largest = Int(Int32.max)
        #expect(
            try error(.f32, [largest, largest], bytes: 24)
                == .sizeMismatch(tensor: "w", expected: nil, bytes: 24))
    }
}
