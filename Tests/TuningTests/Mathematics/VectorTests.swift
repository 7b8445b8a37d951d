import Testing

@testable import Tuning

struct VectorTests {
    @Test(arguments: [0, 1, 3, 4, 5, 7, 8, 33, 127])
    func theInnerProductIsThatOfAPlainLoop(count: Int) {
        let a = (0..<count).map { Float($0 % 7) - 3 }
        let b = (0..<count).map { Float($0 % 5) / 2 }
        let expected = zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        #expect(a.dot(b) == expected)
        #expect(a[...].dot(b) == expected && a.dot(b + [9]) == expected)
    }

    @Test func lengthUnitAndCosine() {
        let vector: [Float] = [3, 0, -4]
        #expect(vector.norm == 5 && vector.unit == [0.6, 0, -0.8])
        #expect([Float](repeating: 0, count: 3).unit == nil && [Float.infinity].unit == nil)
        #expect(vector.cosine(with: [-6, 0, 8]) == -1)
        #expect(vector.cosine(with: [0, 0, 0]) == 0)
    }

    @Test func theMiddleIsAValueThatOccurs() {
        #expect(Quantile.middle(of: [4, 1, 3, 2]) == 3)
        #expect(Quantile.middle(of: [5.0]) == 5)
        #expect(Quantile.middle(of: [Int]()) == nil)
        #expect(Quantile.of(sorted: [1, 2, 3, 4], 0.5) == 2.5)
    }
}
