import TestSupport
import Testing

@testable import Formats

@Suite struct DifferenceSumsTests {
    private func sums(_ a: [Float], _ b: [Float], first: Int = 0) -> DifferenceSums {
        var sums = DifferenceSums()
        a.withUnsafeBufferPointer { left in
            b.withUnsafeBufferPointer { sums.add(left, $0, first: first) }
        }
        return sums
    }

    private func random(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Float.random(in: -2...2, using: &generator) }
    }

    @Test(arguments: [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 63, 64, 127, 1023])
    func theSumsAreThoseOfAPlainLoop(count: Int) {
        let a = random(count, seed: 1)
        var b = a
        let noise = random(count, seed: 2)
        for index in stride(from: 0, to: count, by: 3) { b[index] += noise[index] }
        let found = sums(a, b)
        var squares = (0.0, 0.0, 0.0, 0.0)
        var largest: (Float, Int?) = (0, nil)
        for index in 0..<count {
            let (x, y) = (Double(a[index]), Double(b[index]))
            squares.0 += x * x
            squares.1 += y * y
            squares.2 += (x - y) * (x - y)
            squares.3 += x * y
            if abs(a[index] - b[index]) > largest.0 { largest = (abs(a[index] - b[index]), index) }
        }
        // Sums in f64 in another order: far below a part in 10¹².
        #expect(abs(found.squaresOfA - squares.0) <= 1e-12 * squares.0)
        #expect(abs(found.squaresOfB - squares.1) <= 1e-12 * squares.1)
        #expect(abs(found.squaresOfChange - squares.2) <= 1e-12 * squares.2)
        #expect(abs(found.products - squares.3) <= 1e-12 * squares.0)
        #expect(found.largest == largest.0)
        #expect(found.largestPlace == largest.1)
        #expect(found.changed == zip(a, b).count { $0 != $1 })
        #expect(found.count == count)
    }

    @Test func whatIsNotFiniteIsCountedAndPoisonsNothing() {
        var a = random(40, seed: 3)
        var b = a
        a[3] = .nan
        b[3] = .nan
        a[20] = .infinity
        b[21] = -.infinity
        b[30] += 1
        let found = sums(a, b)
        #expect(found.notFiniteInA == 2)
        #expect(found.notFiniteInB == 2)
        #expect(found.changed == 3)
        #expect(found.largestPlace == 30)
        #expect(abs(found.squaresOfChange - 1) < 1e-6)
        #expect(found.cosine.isFinite)
        #expect(found.normalized.isFinite)
    }

    @Test func hugeValuesDoNotOverflow() {
        let most = Float.greatestFiniteMagnitude
        let found = sums([most, 1], [-most, 1])
        #expect(found.largest == most)
        #expect(found.squaresOfChange.isFinite)
        #expect(found.cosine == -1)
    }

    @Test func partsAddUpAndTheFirstOfEqualMaximaCounts() {
        var whole = sums([0, 0, 0], [0, 2, 0])
        whole.add(sums([0, 0], [2, 0], first: 3))
        #expect(whole.largestPlace == 1)
        #expect(whole.count == 5)
        #expect(whole.changed == 2)
        #expect(whole.normalized == .infinity)
        #expect(whole.cosine == 0)
    }

    @Test func zerosOfEitherSignAreEqual() {
        #expect(sums([0, -0.0], [-0.0, 0]).changed == 0)
        #expect(sums([], []).cosine == 1)
    }
}
