import Formats
import Testing

@testable import Kernels

/// Sums of squares against a loop in f64.
@Suite struct KernelSquareSumsTests {
    @Test(arguments: [1, 2, 7, 63, 64, 65, 129, 200])
    func sumsAreThoseOfAPlainLoop(_ width: Int) {
        for rows in [0, 1, 3, 70] {
            let input = randomFloats(rows * width, seed: UInt64(width))
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
                #expect(totals == expected, "\(rows) rows, \(threads) threads")
            }
        }
    }
}
