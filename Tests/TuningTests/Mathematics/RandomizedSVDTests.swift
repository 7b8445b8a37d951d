import TestSupport
import Testing
import Transformer

@testable import Tuning

@Suite struct RandomizedSVDTests {
    /// A matrix that is whole in memory.
    private struct Rows: MatrixRows {
        let matrix: DenseMatrix
        var rows: Int { matrix.rows }
        var columns: Int { matrix.columns }

        mutating func read(_ rows: Range<Int>, into tile: inout [Float]) throws {
            for index in 0..<(rows.count * columns) {
                tile[index] = matrix.values[rows.lowerBound * columns + index]
            }
        }
    }

    private func random(_ rows: Int, _ columns: Int, seed: UInt64) -> DenseMatrix {
        var generator = SeededGenerator(seed: seed)
        return DenseMatrix(
            rows: rows, columns: columns,
            values: (0..<rows * columns).map { _ in Float.random(in: -1...1, using: &generator) })
    }

    /// U diag(values) Vᵀ with orthonormal U and V.
    private func matrix(_ rows: Int, _ columns: Int, values: [Float], seed: UInt64) -> DenseMatrix {
        let left = Orthonormal.basis(of: random(rows, values.count, seed: seed))
        let right = Orthonormal.basis(of: random(columns, values.count, seed: seed + 1))
        var result = DenseMatrix(rows: rows, columns: columns)
        for row in 0..<rows {
            for column in 0..<columns {
                for (step, value) in values.enumerated() {
                    result.values[row * columns + column] +=
                        value * left.values[row * values.count + step]
                        * right.values[column * values.count + step]
                }
            }
        }
        return result
    }

    private func decompose(_ matrix: DenseMatrix, count: Int) throws -> RandomizedSVD {
        var rows = Rows(matrix: matrix)
        return try RandomizedSVD(&rows, count: count)
    }

    @Test(arguments: [(60, 40), (40, 60), (1, 9), (9, 1), (5, 5)])
    func givenSingularValuesAreFound(rows: Int, columns: Int) throws {
        let values = [8, 4, 2, 1].prefix(min(rows, columns)).map(Float.init)
        let found = try decompose(matrix(rows, columns, values: values, seed: 5), count: 4)
        #expect(found.values.count >= values.count)
        for (value, expected) in zip(found.values, values) {
            // f32 elements: some rounding of the sums that make them.
            #expect(abs(value - Double(expected)) < 1e-5)
        }
        // The difference of two sums that are f32's rounding apart.
        #expect(found.residualEnergy < 1e-6 * found.energy)
    }

    @Test func theVectorsGiveTheMatrixBack() throws {
        let source = matrix(50, 30, values: [5, 3, 2], seed: 9)
        let found = try decompose(source, count: 3)
        var worst: Float = 0
        for row in 0..<50 {
            for column in 0..<30 {
                var sum: Float = 0
                for step in 0..<3 {
                    sum +=
                        Float(found.values[step]) * found.left.values[row * 3 + step]
                        * found.right.values[column * 3 + step]
                }
                worst = max(worst, abs(sum - source.values[row * 30 + column]))
            }
        }
        #expect(worst < 1e-5)
    }

    @Test func theErrorIsWhatTheVectorsMiss() throws {
        let found = try decompose(matrix(80, 60, values: [9, 3, 1], seed: 2), count: 1)
        #expect(abs(found.values[0] - 9) < 1e-4)
        #expect(abs(found.residualEnergy - 10) < 1e-3)
        #expect(abs(found.energy - 91) < 1e-3)
    }

    @Test func noiseHasNoDirectionAboveItsEdge() throws {
        let noise = random(300, 200, seed: 4)
        let found = try decompose(noise, count: 8)
        let deviation = (found.energy / 60_000).squareRoot()
        let edge = deviation * (Double(300).squareRoot() + Double(200).squareRoot())
        #expect(found.values[0] < 1.03 * edge)
        #expect(found.values[0] > 0.9 * edge)
    }

    @Test func aMatrixOfZerosHasNoSingularValues() throws {
        let found = try decompose(DenseMatrix(rows: 12, columns: 10), count: 4)
        #expect(found.values.isEmpty)
        #expect(found.energy == 0)
    }

    @Test func theSameMatrixGivesTheSameBits() throws {
        let source = random(70, 50, seed: 11)
        let (one, two) = (try decompose(source, count: 6), try decompose(source, count: 6))
        #expect(one.values == two.values)
        #expect(one.left.values == two.left.values)
    }

    @Test func eigenvaluesOfASmallMatrixAreExact() {
        // Eigenvalues 1, 2 and 4 by construction: Q diag Qᵀ with a rotation in two planes.
        let eigen = SymmetricEigen([3, 1, 0, 1, 3, 0, 0, 0, 1], size: 3)
        for (value, expected) in zip(eigen.values, [4.0, 2, 1]) {
            #expect(abs(value - expected) < 1e-12)
        }
        #expect(abs(abs(eigen.vectors[0]) - 0.5.squareRoot()) < 1e-12)
        #expect(SymmetricEigen([], size: 0).values.isEmpty)
    }

    @Test func dependentColumnsLeaveASmallerBasis() {
        var tall = random(40, 6, seed: 8)
        for row in 0..<40 { tall.values[row * 6 + 5] = 2 * tall.values[row * 6] }
        let basis = Orthonormal.basis(of: tall)
        #expect(basis.columns == 5)
        let gram = basis.gram()
        for row in 0..<5 {
            for column in 0..<5 {
                #expect(abs(gram[row * 5 + column] - (row == column ? 1 : 0)) < 1e-6)
            }
        }
    }
}
