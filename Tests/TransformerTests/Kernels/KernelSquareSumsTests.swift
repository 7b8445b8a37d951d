import Formats
import TestSupport
import Testing

@testable import Kernels

/// Sums of squares against a loop in f64.
@Suite struct KernelSquareSumsTests {
    @Test(arguments: [1, 2, 7, 63, 64, 65, 129, 200])
    func sumsAreThoseOfAPlainLoop(_ width: Int) {
        var generator = SeededGenerator(seed: UInt64(width))
        for rows in [0, 1, 3, 70] {
            let input = (0..<rows * width).map { _ in Float.random(in: -2...2, using: &generator) }
            let start = (0..<width).map { Float($0) / 8 }
            var expected = start
            for column in 0..<width {
                let squares = (0..<rows).map { Double(input[$0 * width + column]) }.map { $0 * $0 }
                expected[column] = Float(Double(start[column]) + squares.reduce(0, +))
            }
            for threads in [1, 2] {
                var totals = start
                input.withUnsafeBufferPointer { input in
                    totals.withUnsafeMutableBufferPointer { totals in
                        guard let output = totals.baseAddress, let rowStart = input.baseAddress
                        else { return }
                        addSquareSums(
                            to: output, rowStart, rows: rows, width: width,
                            crew: WorkCrew(threads: threads))
                    }
                }
                #expect(rows == 0 || totals == expected, "\(rows) rows, \(threads) threads")
            }
        }
    }
}
