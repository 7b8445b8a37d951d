import Formats
import Testing

@testable import Kernels
@testable import Transformer
@testable import Tuning

/// Ridge regression beside the textbook's normal equations, solved by elimination.
@Suite struct RidgeRegressionTests {
    private let crew = WorkCrew(threads: 2)

    private func numbers(_ count: Int, seed: UInt64) -> [Float] {
        var random = Xoshiro256(seed: seed)
        return (0..<count).map { _ in Float(random.nextUnit() * 2 - 1) }
    }

    /// (AᵀA + λ)⁻¹ AᵀT by elimination with pivots.
    private func textbook(
        _ a: DenseMatrix, _ targets: [Double], outputs: Int, ridge: Double
    ) -> [Double] {
        let size = a.columns
        func value(_ row: Int, _ column: Int) -> Double { Double(a.values[row * size + column]) }
        var table = (0..<size).map { left -> [Double] in
            let own = (0..<size).map { right in
                (0..<a.rows).reduce(0.0) { $0 + value($1, left) * value($1, right) }
            }
            let right = (0..<outputs).map { output in
                (0..<a.rows).reduce(0.0) { $0 + value($1, left) * targets[$1 * outputs + output] }
            }
            return own + right
        }
        let share = (0..<size).reduce(0.0) { $0 + table[$1][$1] } / Double(size)
        for index in 0..<size { table[index][index] += ridge * share }
        for column in 0..<size {
            let pivot = (column..<size).max { abs(table[$0][column]) < abs(table[$1][column]) }
            table.swapAt(column, pivot ?? column)
            for row in 0..<size where row != column {
                let factor = table[row][column] / table[column][column]
                for index in column..<size + outputs {
                    table[row][index] -= factor * table[column][index]
                }
            }
        }
        return (0..<size).flatMap { row in
            (0..<outputs).map { table[row][size + $0] / table[row][row] }
        }
    }

    @Test(arguments: [(1, 1, 1), (9, 4, 3), (4, 9, 3), (7, 7, 2), (60, 21, 5), (21, 60, 5)])
    func mapsAreTheTextbooks(_ samples: Int, _ inputs: Int, _ outputs: Int) throws {
        let a = DenseMatrix(
            rows: samples, columns: inputs, values: numbers(samples * inputs, seed: 1))
        let targets = numbers(samples * outputs, seed: 2).map(Double.init)
        let regression = RidgeRegression(
            samples: a, targets: targets, outputs: outputs, crew: crew)
        for ridge in [1, 1e-2, 1e-4] {
            let found = try #require(regression.solution(ridge: ridge))
            let expected = textbook(a, targets, outputs: outputs, ridge: ridge)
            let largest = expected.map(abs).max() ?? 0
            for (left, right) in zip(found.values, expected) {
                #expect(abs(Double(left) - right) <= 1e-5 * largest)
            }
        }
    }

    @Test func samplesThatDependOnEachOtherHaveASmallMap() throws {
        // Every row twice, and a column of zeros: the equations are singular but for λ.
        let half = numbers(6 * 9, seed: 3)
        var values = half + half
        for row in 0..<12 { values[row * 9 + 4] = 0 }
        let a = DenseMatrix(rows: 12, columns: 9, values: values)
        let targets = [Double](repeating: 1, count: 12)
        let regression = RidgeRegression(samples: a, targets: targets, outputs: 1, crew: crew)
        let found = try #require(regression.solution(ridge: 1e-8))
        for value in a.times(found).values { #expect(abs(value - 1) < 1e-4) }
        #expect(found.values[4] == 0)
        // Any other map that does as well is longer: one that has something along a row of the null space.
        let single = RidgeRegression(
            samples: DenseMatrix(rows: 6, columns: 9, values: Array(values.prefix(54))),
            targets: [Double](repeating: 1, count: 6), outputs: 1, crew: crew)
        let other = try #require(single.solution(ridge: 1e-8))
        for (left, right) in zip(found.values, other.values) { #expect(abs(left - right) < 1e-3) }
    }

    @Test func numbersThatAreNotFiniteHaveNoMap() {
        for bad in [Float.nan, .infinity] {
            let a = DenseMatrix(rows: 3, columns: 2, values: [1, 2, bad, 4, 5, 6])
            let regression = RidgeRegression(
                samples: a, targets: [1, 1, 1], outputs: 1, crew: crew)
            #expect(regression.solution(ridge: 1e-2) == nil)
        }
    }
}
