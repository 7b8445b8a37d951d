import Foundation
import Testing

@testable import Formats
@testable import Kernels

/// Cholesky's decomposition and the products that go into it, beside plain loops.
@Suite struct KernelCholeskyTests {
    /// Around the tiles' edges: one, one less and more than a tile, several.
    private static let sizes = [1, 2, 7, 63, 64, 65, 191, 192, 193, 400]

    private func matrix(_ rows: Int, _ columns: Int) -> DenseMatrix {
        var state: UInt64 = UInt64(rows * 1000 + columns)
        return DenseMatrix(
            rows: rows, columns: columns,
            values: (0..<rows * columns).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Float(Int(state >> 33) % 2001 - 1000) / 500
            })
    }

    private func naiveProducts(_ matrix: DenseMatrix, ofRows: Bool) -> [Double] {
        let (size, length) = ofRows ? (matrix.rows, matrix.columns) : (matrix.columns, matrix.rows)
        func value(_ item: Int, _ place: Int) -> Double {
            let index = ofRows ? item * matrix.columns + place : place * matrix.columns + item
            return Double(matrix.values[index])
        }
        return (0..<size * size).map { index in
            (0..<length).reduce(0.0) { $0 + value(index / size, $1) * value(index % size, $1) }
        }
    }

    @Test(arguments: [(5, 3), (3, 5), (300, 193), (193, 300), (1, 1), (257, 64)])
    func productsAreThoseOfAPlainLoop(_ rows: Int, _ columns: Int) {
        let matrix = matrix(rows, columns)
        let crew = WorkCrew(threads: 2)
        for kind in [SymmetricMatrix.Products.ofRows, .ofColumns] {
            let found = SymmetricMatrix(kind, of: matrix, crew: crew)
            let expected = naiveProducts(matrix, ofRows: kind == .ofRows)
            for row in 0..<found.size {
                for column in 0...row {
                    let index = row * found.size + column
                    #expect(abs(found.values[index] - expected[index]) <= 1e-11 * Double(rows))
                }
            }
        }
    }

    @Test(arguments: Self.sizes)
    func aSolutionSolvesItsEquations(_ size: Int) throws {
        let samples = matrix(size + 20, size)
        let crew = WorkCrew(threads: 2)
        let products = SymmetricMatrix(.ofColumns, of: samples, crew: crew)
        let columns = 67
        let right = matrix(size, columns).values.map(Double.init)
        let factor = try #require(products.factored(adding: 0.5, crew: crew))
        let found = factor.solution(of: right, columns: columns, crew: crew)
        let plain = naiveProducts(samples, ofRows: false)
        for row in 0..<size {
            for column in stride(from: 0, to: columns, by: 11) {
                var sum = 0.5 * found[row * columns + column]
                for index in 0..<size {
                    sum += plain[row * size + index] * found[index * columns + column]
                }
                #expect(abs(sum - right[row * columns + column]) < 1e-8)
            }
        }
    }

    @Test func theNumberOfThreadsChangesNoBit() throws {
        let samples = matrix(450, 400)
        let (one, three) = (WorkCrew(threads: 1), WorkCrew(threads: 3))
        let right = matrix(450, 130).values.map(Double.init)
        let results = try [one, three].map { crew in
            let products = SymmetricMatrix(.ofColumns, of: samples, crew: crew)
            let sums = samples.transposedTimes(right, width: 130, crew: crew)
            let factor = try #require(products.factored(adding: 1e-3, crew: crew))
            return factor.solution(of: sums, columns: 130, crew: crew)
        }
        #expect(results[0] == results[1])
    }

    @Test(arguments: [(5, 3, 1), (300, 193, 70), (1, 65, 2)])
    func transposedProductsAreThoseOfAPlainLoop(_ rows: Int, _ columns: Int, _ width: Int) {
        let samples = matrix(rows, columns)
        let right = matrix(rows, width).values.map(Double.init)
        let found = samples.transposedTimes(right, width: width, crew: WorkCrew(threads: 2))
        for index in found.indices {
            let expected = (0..<rows).reduce(0.0) {
                $0 + Double(samples.values[$1 * columns + index / width])
                    * right[$1 * width + index % width]
            }
            #expect(abs(found[index] - expected) <= 1e-11 * Double(rows))
        }
    }

    @Test(arguments: [(0.0, 1.0), (-1, 1), (.nan, 1), (1, .infinity), (1, 2)])
    func whatIsNotPositiveDefiniteHasNoFactor(_ corner: Double, _ beside: Double) {
        // [[corner, ·], [beside, 1]]
        let matrix = SymmetricMatrix(size: 2, values: [corner, beside, beside, 1])
        #expect(matrix.factored(adding: 0, crew: WorkCrew(threads: 1)) == nil)
    }
}
